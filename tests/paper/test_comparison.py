"""The rule of verdicts: differences with their interval, equivalence, and what is inconclusive."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from scipy.stats import t as student

from scratchticket.paper.cells import Measured
from scratchticket.paper.comparison import MARGIN, Comparison, Pair, Sign, compare

MANY = 10_000  # images


def numbers(*values: float, images: int = MANY, seeds: tuple[int, ...] = ()) -> list[Measured]:
    """Return numbers of the seeds 0, 1, ..., if no others are given."""
    return [Measured(v, images, s) for v, s in zip(values, seeds or range(9), strict=False)]


def verdict(sign: Sign, left: tuple[float, ...], right: tuple[float, ...]) -> str:
    return compare(sign, [(numbers(*left), numbers(*right))]).verdict


@pytest.mark.parametrize(
    ("sign", "left", "right", "said"),
    [
        (">", (0.60, 0.61, 0.62), (0.50, 0.50, 0.51), "holds"),
        (">", (0.50, 0.50, 0.51), (0.60, 0.61, 0.62), "does not hold"),
        (">", (0.50, 0.52, 0.54), (0.51, 0.50, 0.52), "inconclusive"),
        ("~", (0.50, 0.50, 0.50), (0.50, 0.50, 0.51), "holds"),
        ("~", (0.60, 0.61, 0.62), (0.50, 0.50, 0.51), "does not hold"),
        ("~", (0.50, 0.50, 0.50), (0.47, 0.48, 0.48), "inconclusive"),  # within, or beyond?
        ("~", (0.50, 0.60, 0.55), (0.60, 0.50, 0.55), "inconclusive"),  # equal, seeds far apart
        ("<=", (0.40, 0.41, 0.42), (0.50, 0.50, 0.51), "holds"),
        ("<=", (0.50, 0.50, 0.51), (0.50, 0.50, 0.50), "holds"),
        ("<=", (0.60, 0.61, 0.62), (0.50, 0.50, 0.51), "does not hold"),
        (">", (), (0.5, 0.5), "not tested at this scale"),
    ],
)
def test_verdicts(sign: Sign, left: tuple[float, ...], right: tuple[float, ...], said: str) -> None:
    assert verdict(sign, left, right) == said


def test_with_many_images_the_interval_is_students() -> None:
    """Differences 1, 2 and 6 points: mean 3, standard error sqrt(7 / 3), 4.303 of it."""
    infinite = 10**12
    pair = numbers(0.51, 0.52, 0.56, images=infinite), numbers(0.5, 0.5, 0.5, images=infinite)

    found = compare(">", [pair])

    assert found.difference == pytest.approx(0.03)
    half = 0.0430265 * sqrt(7 / 3)
    assert found.interval == pytest.approx((0.03 - half, 0.03 + half), abs=1e-6)


def test_with_equal_seeds_the_interval_is_that_of_two_fractions() -> None:
    pair = numbers(*[0.8] * 3, images=400), numbers(*[0.5] * 3, images=400)

    found = compare(">", [pair])

    p, q = (0.8 * 400 + 1) / 402, 0.5
    half = 1.959964 * sqrt(p * (1 - p) / 400 + q * (1 - q) / 400)
    assert found.interval == pytest.approx((0.3 - half, 0.3 + half), abs=1e-6)


def test_the_degrees_of_freedom_are_those_of_welch_and_satterthwaite() -> None:
    """Of two independent samples whose spreads are known they are known, too."""
    pair = numbers(0.50, 0.56, images=2_000), numbers(0.5, 0.5, images=2_000)
    found = compare(">", [pair])
    assert found.interval is not None

    seeds = 0.03**2  # of the mean of the differences 0 and 6 points
    left = (0.53 * 2_000 + 1) / 2_002
    images = left * (1 - left) / 2_000 + 0.25 / 2_000
    freedom = (seeds + images) ** 2 / (seeds**2 / 1)
    half = student.ppf(0.975, freedom) * sqrt(seeds + images)
    assert found.interval == pytest.approx((0.03 - half, 0.03 + half), abs=1e-9)


def test_less_data_never_makes_numbers_comparable() -> None:
    few = [numbers(*[0.80] * 3, images=n) for n in (100, 400, 10_000)]
    other = [numbers(*[0.79] * 3, images=n) for n in (100, 400, 10_000)]

    told = [compare("~", [pair]).verdict for pair in zip(few, other, strict=True)]

    assert told == ["inconclusive", "inconclusive", "holds"]
    assert compare("~", [(numbers(0.8), numbers(0.8))]).verdict == "inconclusive"


@pytest.mark.parametrize("sign", [">", "~", "<="])
def test_one_seed_tells_nothing(sign: Sign) -> None:
    found = compare(sign, [(numbers(0.9), numbers(0.1))])

    assert found.verdict == "inconclusive"
    assert found.interval is not None
    assert found.interval[0] > 0.7  # of the images alone, as the page says


def test_pairs_at_one_end_of_the_scale_are_left_out_and_counted() -> None:
    real = numbers(0.6, 0.61, 0.62), numbers(0.5, 0.5, 0.51)
    none, whole = numbers(0, 0, 0), numbers(1, 1, 1)

    found = compare(">", [real, (none, none), (whole, whole)])

    assert found.difference == compare(">", [real]).difference
    assert (found.pairs, found.degenerate) == (1, 2)
    assert "2 at 0 or 100 % left out" in found.text()
    assert compare("~", [(none, none)]) == Comparison("inconclusive", degenerate=1)
    assert compare(">", [(whole, none)]).verdict == "holds"
    assert compare("~", [(none, numbers(0, 0, 0.01))]).degenerate == 0


def test_pairs_that_lack_seeds_are_left_out_and_counted() -> None:
    whole = numbers(0.6, 0.61, 0.62), numbers(0.5, 0.5, 0.51)
    one = numbers(0.1), numbers(0.9)

    found = compare(">", [whole, one])

    assert found.verdict == "holds"
    assert (found.pairs, found.seeds, found.incomplete) == (1, 3, 1)
    assert "3 seeds; 1 with fewer seeds left out" in found.text()


def test_numbers_are_compared_within_their_seed() -> None:
    first, second = Measured(0.4, 400, seed=0), Measured(0.8, 400, seed=1)

    assert compare(">", [([second], [first, second])]).difference == 0
    assert compare(">", [([second], [first])]).verdict == "not tested at this scale"


def test_what_is_no_accuracy_has_no_margin() -> None:
    far, near = numbers(0.6, 0.61, 0.62, images=0), numbers(0.59, 0.6, 0.61, images=0)

    assert compare(">", [(far, near)]).verdict == "holds"
    assert compare("~", [(far, near)]).verdict == "inconclusive"
    assert compare(">", [(far, near)]).text() == "+0.010 [+0.010, +0.010] (3 seeds)"


@pytest.mark.parametrize("apart", [0.0, MARGIN])
def test_errors_are_as_rare_as_the_rule_says(apart: float) -> None:
    """Seeds and images drawn at random: at the border a wrong verdict comes at most in 5 %."""
    random, wrong, rounds = np.random.default_rng(0), 0, 1_000
    sign: Sign = "~" if apart else ">"
    for _ in range(rounds):
        shares = 0.5 + apart + random.normal(0, 0.02, 3), 0.5 + random.normal(0, 0.02, 3)
        left, right = (random.binomial(1_000, share) / 1_000 for share in shares)
        found = compare(sign, [(numbers(*left, images=1_000), numbers(*right, images=1_000))])
        wrong += found.verdict == "holds"

    assert wrong / rounds <= 0.05


def by_hand(sign: Sign, pairs: list[Pair]) -> tuple[str, float, float, float]:
    """Return verdict, difference and interval of whole pairs of accuracies, by tests' p-values.

    The margin of 2.5 points and the levels stand here a second time.
    """
    values = np.array([[[n.value for n in side] for side in pair] for pair in pairs])
    images = np.array([[side[0].images for side in pair] for pair in pairs])
    by_seed = (values[:, 0] - values[:, 1]).mean(axis=0)
    seeds = by_seed.var(ddof=1) / len(by_seed)
    share = (values.mean(axis=2) * images + 1) / (images + 2)
    fractions = np.sqrt((share * (1 - share) / images).sum(axis=1)).mean() ** 2
    error, freedom = (
        sqrt(seeds + fractions),
        (seeds + fractions) ** 2 / (seeds**2 / (len(by_seed) - 1)),
    )
    mean = by_seed.mean()
    tests = student(freedom, loc=mean, scale=error)
    above, below, upper, lower = tests.cdf(0), tests.sf(0), tests.sf(0.025), tests.cdf(-0.025)
    holds, fails = {
        ">": (above < 0.025, below < 0.025),
        "~": (max(upper, lower) < 0.05, min(tests.cdf(0.025), tests.sf(-0.025)) < 0.025),
        "<=": (upper < 0.05, tests.cdf(0.025) < 0.025),
    }[sign]
    said = "holds" if holds else "does not hold" if fails else "inconclusive"
    return said, mean, *tests.interval(0.95)


@pytest.mark.parametrize("sign", [">", "~", "<="])
@pytest.mark.parametrize("pairs", [1, 2])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_verdicts_are_those_of_tests_by_hand(sign: Sign, pairs: int, seeds: int) -> None:
    random, said = np.random.default_rng(seeds), set()
    for difference in np.linspace(-0.08, 0.08, 81):
        spread = random.choice([0.0005, 0.002, 0.01])

        def side(middle: float, spread: float = spread) -> list[Measured]:
            images = int(random.choice([2_000, 20_000, 500_000]))
            return numbers(*random.normal(middle, spread, seeds), images=images)

        given: list[Pair] = [(side(0.5 + difference), side(0.5)) for _ in range(pairs)]

        found = compare(sign, given)

        verdict, mean, low, high = by_hand(sign, given)
        assert found.verdict == verdict, given
        assert (found.difference, *found.interval) == pytest.approx((mean, low, high))  # type: ignore[misc]
        said.add(verdict)
    assert "holds" in said


def test_at_the_ends_of_the_scale_an_interval_has_the_width_of_one_image_more() -> None:
    """Laplace's rule: 400 of 400 counts as 401 of 402, so that no interval has width 0."""
    pair = numbers(1, 1, images=400), numbers(0, 0, images=400)

    low, high = compare(">", [pair]).interval or (0, 0)

    share = 401 / 402
    assert high - low == pytest.approx(2 * 1.959964 * sqrt(2 * share * (1 - share) / 400), abs=1e-6)


def test_a_mean_over_pairs_has_the_mean_of_their_errors() -> None:
    """Pairs are of the same images, so more of them do not lower the error of the images."""
    few = numbers(0.8, 0.8, images=100), numbers(0.5, 0.5, images=100)
    many = numbers(0.8, 0.8, images=10_000), numbers(0.5, 0.5, images=10_000)

    def width(*pairs: Pair) -> float:
        low, high = compare(">", pairs).interval or (0, 0)
        return high - low

    assert width(few, few) == pytest.approx(width(few))
    assert width(few, many) == pytest.approx((width(few) + width(many)) / 2)


def test_seeds_that_one_number_lacks_are_no_seeds_of_the_pair() -> None:
    left, right = numbers(0.9, 0.6, seeds=(0, 2)), numbers(0.5, 0.1, 0.5, seeds=(2, 1, 0))

    found = compare(">", [(left, right)])

    assert found.seeds == 2
    assert found.difference == pytest.approx((0.4 + 0.1) / 2)


def test_the_most_complete_pairs_decide_which_seeds_are_compared() -> None:
    """A pair of more seeds than the others have is compared in theirs only if it has them all."""
    whole = numbers(0.6, 0.6, 0.6), numbers(0.5, 0.5, 0.5)
    other = numbers(0.1, 0.1, seeds=(1, 5)), numbers(0.9, 0.9, seeds=(1, 5))

    found = compare(">", [other, whole, other])

    assert (found.pairs, found.seeds, found.incomplete) == (1, 3, 2)
    assert found.difference == pytest.approx(0.1)


def test_what_is_compared_is_said_in_points_with_its_counts() -> None:
    pair = numbers(0.61, 0.62, 0.63, images=10**9), numbers(0.5, 0.5, 0.5, images=10**9)
    one = compare(">", [(numbers(0.61), numbers(0.5))])
    distance = numbers(0.5, images=0), numbers(0.25, images=0)

    assert compare(">", [pair, pair]).text() == "+12.0 [+9.5, +14.5] (3 seeds; 2 pairs)"
    assert one.text() == "+11.0 [+9.6, +12.4] (1 seed)"
    assert compare(">", [distance]).text() == "+0.250 (1 seed)"
    assert Comparison("not tested at this scale").text() == ""
    assert Comparison("inconclusive", degenerate=2).text() == "2 at 0 or 100 % left out"
    assert Comparison("holds", -0.0123, seeds=2, incomplete=1).text() == (
        "-1.2 (2 seeds; 1 with fewer seeds left out)"
    )


def test_a_number_that_is_no_accuracy_may_be_0_or_1() -> None:
    zero, one = numbers(0, 0, 0, images=0), numbers(1, 1, 1, images=0)

    assert compare(">", [(zero, zero)]).degenerate == 0
    assert compare(">", [(one, zero)]).verdict == "holds"
