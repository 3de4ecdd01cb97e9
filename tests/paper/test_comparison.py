"""The rule of verdicts: differences with their interval, equivalence, and what cannot be told."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from scratchticket.paper.cells import Measured
from scratchticket.paper.comparison import MARGIN, Comparison, Sign, compare

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
        (">", (0.50, 0.52, 0.54), (0.51, 0.50, 0.52), "cannot be told"),
        ("~", (0.50, 0.50, 0.50), (0.50, 0.50, 0.51), "holds"),
        ("~", (0.60, 0.61, 0.62), (0.50, 0.50, 0.51), "does not hold"),
        ("~", (0.50, 0.50, 0.50), (0.47, 0.48, 0.48), "cannot be told"),  # within, or beyond?
        ("~", (0.50, 0.60, 0.55), (0.60, 0.50, 0.55), "cannot be told"),  # equal, seeds far apart
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
    from scipy.stats import t

    half = t.ppf(0.975, freedom) * sqrt(seeds + images)
    assert found.interval == pytest.approx((0.03 - half, 0.03 + half), abs=1e-9)


def test_less_data_never_makes_numbers_comparable() -> None:
    few = [numbers(*[0.80] * 3, images=n) for n in (100, 400, 10_000)]
    other = [numbers(*[0.79] * 3, images=n) for n in (100, 400, 10_000)]

    told = [compare("~", [pair]).verdict for pair in zip(few, other, strict=True)]

    assert told == ["cannot be told", "cannot be told", "holds"]
    assert compare("~", [(numbers(0.8), numbers(0.8))]).verdict == "cannot be told"


@pytest.mark.parametrize("sign", [">", "~", "<="])
def test_one_seed_tells_nothing(sign: Sign) -> None:
    found = compare(sign, [(numbers(0.9), numbers(0.1))])

    assert found.verdict == "cannot be told"
    assert found.interval is not None
    assert found.interval[0] > 0.7  # of the images alone, as the page says


def test_pairs_at_one_end_of_the_scale_are_left_out_and_counted() -> None:
    real = numbers(0.6, 0.61, 0.62), numbers(0.5, 0.5, 0.51)
    none, whole = numbers(0, 0, 0), numbers(1, 1, 1)

    found = compare(">", [real, (none, none), (whole, whole)])

    assert found.difference == compare(">", [real]).difference
    assert (found.pairs, found.degenerate) == (1, 2)
    assert "2 at 0 or 100 % left out" in found.text()
    assert compare("~", [(none, none)]) == Comparison("cannot be told", degenerate=1)
    assert compare(">", [(whole, none)]).verdict == "holds"
    assert compare("~", [(none, numbers(0, 0, 0.01))]).degenerate == 0


def test_pairs_that_lack_seeds_are_left_out_and_counted() -> None:
    whole = numbers(0.6, 0.61, 0.62), numbers(0.5, 0.5, 0.51)
    one = numbers(0.1), numbers(0.9)

    found = compare(">", [whole, one])

    assert found.verdict == "holds"
    assert (found.pairs, found.seeds, found.incomplete) == (1, 3, 1)
    assert "3 seeds; 1 of fewer seeds left out" in found.text()


def test_numbers_are_compared_within_their_seed() -> None:
    first, second = Measured(0.4, 400, seed=0), Measured(0.8, 400, seed=1)

    assert compare(">", [([second], [first, second])]).difference == 0
    assert compare(">", [([second], [first])]).verdict == "not tested at this scale"


def test_what_is_no_accuracy_has_no_margin() -> None:
    far, near = numbers(0.6, 0.61, 0.62, images=0), numbers(0.59, 0.6, 0.61, images=0)

    assert compare(">", [(far, near)]).verdict == "holds"
    assert compare("~", [(far, near)]).verdict == "cannot be told"
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
