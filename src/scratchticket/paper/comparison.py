"""The rule for the verdict on every claim (docs/decisions/0027).

A pair is two numbers per seed, such as the robust accuracies of a ticket and of the dense network
on the same images. The difference is taken seed by seed and averaged over the pairs of a claim. Its
95 % interval accounts for the choice of seeds and of test images: the variance is the sum of the
variance of the mean over seeds and the sampling variances of both accuracies on a finite number of
images, and the quantile is Student's with the Welch-Satterthwaite degrees of freedom. *Higher*
holds if the whole interval lies above zero, and does not hold if it lies below. *Comparable* holds
if two one-sided tests at 95 % both reject a difference of 2.5 points, just above the largest
difference that the paper calls comparable (a drop of 2.43 in Sec. 4.2), and does not hold if the
whole interval lies beyond that margin. *No higher* holds if the upper one of these tests rejects,
and does not hold if the whole interval lies above the margin. In all other cases the verdict is
*inconclusive*; with one seed it always is, since the interval then accounts for the images alone.
Pairs whose numbers are both 0 or both 100 % for every seed carry no information and are left out,
as are pairs that lack seeds which others have; the number of omitted pairs is stated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import mean, stdev
from typing import Literal

from scratchticket.paper.cells import Measured

MARGIN = 0.025  # largest difference between comparable accuracies
LEVEL = 0.95  # confidence level
Sign = Literal[">", "~", "<="]
Verdict = Literal["holds", "does not hold", "inconclusive", "not tested at this scale"]
Pair = tuple[list[Measured], list[Measured]]
SeedPairs = dict[int, tuple[Measured, Measured]]  # both numbers of a pair, by seed


@dataclass(frozen=True)
class Comparison:
    """The result of comparing pairs of numbers.

    Attributes:
        verdict: The verdict, by the rule of this module.
        difference: Mean difference over pairs and seeds, a fraction if the numbers are accuracies;
            None if no pair is left.
        interval: 95 % interval of the difference. From one seed, it accounts for the images alone,
            and is None if the numbers are not accuracies.
        accuracies: Whether the numbers are accuracies, whose difference is shown in points.
        pairs: Number of pairs compared.
        seeds: Number of seeds of each pair.
        degenerate: Number of pairs left out because both numbers are 0, or both 100 %, for every
            seed.
        incomplete: Number of pairs left out because they lack seeds that others have.
    """

    verdict: Verdict
    difference: float | None = None
    interval: tuple[float, float] | None = None
    accuracies: bool = True
    pairs: int = 0
    seeds: int = 0
    degenerate: int = 0
    incomplete: int = 0

    def text(self) -> str:
        """Return the difference with its interval and the numbers of seeds and pairs."""
        left = [
            f"{count} {why} left out"
            for count, why in (
                (self.degenerate, "at 0 or 100 %"),
                (self.incomplete, "with fewer seeds"),
            )
            if count
        ]
        if self.difference is None:
            return "; ".join(left)
        unit, form = (100, "+.1f") if self.accuracies else (1, "+.3f")
        text = format(unit * self.difference, form)
        if self.interval is not None:
            text += f" [{', '.join(format(unit * end, form) for end in self.interval)}]"
        counts = [_count(self.seeds, "seed"), *([_count(self.pairs, "pair")] * (self.pairs > 1))]
        return f"{text} ({'; '.join([*counts, *left])})"


def compare(sign: Sign, pairs: Iterable[Pair]) -> Comparison:
    """Return the verdict on a claim about pairs of numbers.

    Args:
        sign: ``>``: the first of each pair is higher; ``~``: they are comparable; ``<=``: the first
            is no higher.
        pairs: Pairs of lists of numbers; only seeds that both lists have are compared.
    """
    known = [pair_by_seed for pair in pairs if (pair_by_seed := _by_seed(pair))]
    if not known:
        return Comparison("not tested at this scale")
    informative = [pair for pair in known if not _degenerate(pair)]
    degenerate = len(known) - len(informative)
    if not informative:
        return Comparison("inconclusive", degenerate=degenerate)
    seeds = max((pair.keys() for pair in informative), key=len)
    complete = [pair for pair in informative if seeds <= pair.keys()]
    by_seed = [
        mean(left.value - right.value for left, right in (pair[seed] for pair in complete))
        for seed in seeds
    ]
    images = mean(_images_error(pair, seeds) for pair in complete)
    accuracies = images > 0
    several = len(by_seed) > 1
    variance = stdev(by_seed) ** 2 / len(by_seed) if several else 0.0
    error = sqrt(variance + images**2)
    freedom = (len(by_seed) - 1) * (error**2 / variance) ** 2 if variance else inf
    difference = mean(by_seed)

    def around(share: float) -> tuple[float, float]:
        """Return the difference minus and plus this quantile of its error."""
        half = _quantile(share, freedom) * error
        return difference - half, difference + half

    interval = around((1 + LEVEL) / 2)
    verdict: Verdict = "inconclusive"
    if several:
        verdict = _verdict(sign, interval, around(LEVEL)) if accuracies or sign == ">" else verdict
    return Comparison(
        verdict,
        difference,
        interval if several or accuracies else None,
        accuracies,
        len(complete),
        len(by_seed),
        degenerate,
        len(informative) - len(complete),
    )


def _verdict(sign: Sign, two: tuple[float, float], one: tuple[float, float]) -> Verdict:
    """Return the verdict, given the two-sided interval and the two one-sided bounds."""
    if sign == ">":
        holds, fails = two[0] > 0, two[1] < 0
    elif sign == "~":
        holds = one[0] > -MARGIN and one[1] < MARGIN
        fails = two[0] > MARGIN or two[1] < -MARGIN
    else:
        holds, fails = one[1] < MARGIN, two[0] > MARGIN
    return "holds" if holds else "does not hold" if fails else "inconclusive"


def _by_seed(pair: Pair) -> SeedPairs:
    """Return the pair's two numbers for each seed that both lists have."""
    left, right = pair
    other = {number.seed: number for number in right}
    return {number.seed: (number, other[number.seed]) for number in left if number.seed in other}


def _degenerate(pair: SeedPairs) -> bool:
    """Return whether both accuracies are 0, or both 100 %, for every seed."""
    left, right = zip(*pair.values(), strict=True)
    if not all(number.images for number in (*left, *right)):
        return False
    return any(all(number.value == end for number in (*left, *right)) for end in (0.0, 1.0))


def _images_error(pair: SeedPairs, seeds: Iterable[int]) -> float:
    """Return the standard error of a pair's difference due to the choice of test images.

    Records have counts, not results for each image, so the two fractions are taken as independent.
    This is an upper bound, since images that fool one network tend to fool the other too. All seeds
    have the same images, so more seeds do not lower this error.
    """
    sides = zip(*(pair[seed] for seed in seeds), strict=True)
    return sqrt(sum(_fraction_error(side) ** 2 for side in sides))


def _fraction_error(numbers: Sequence[Measured]) -> float:
    """Return the standard error of a fraction of test images; 0 for other numbers.

    Laplace's rule of succession keeps it above 0 if no image, or every image, is correct.
    """
    images = numbers[0].images
    if not images:
        return 0.0
    fraction = min(1.0, max(0.0, mean(number.value for number in numbers)))
    fraction = (fraction * images + 1) / (images + 2)
    return sqrt(fraction * (1 - fraction) / images)


def _quantile(share: float, freedom: float) -> float:
    """Return a quantile of Student's distribution, which is normal for infinite ``freedom``."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(share) if freedom == inf else stdtrit(freedom, share))


def _count(number: int, what: str) -> str:
    """Return a number with its noun, such as ``3 seeds``."""
    return f"{number} {what}{'s' * (number > 1)}"
