"""The rule of verdicts, one for every claim on every page (docs/decisions/0027).

A pair is two numbers of each seed, such as the robust accuracies of a ticket and of the dense
network on the same images. The difference is taken seed by seed and averaged over the pairs of a
claim. Its 95 % interval covers other seeds and other images: the variance is that of the mean over
the seeds plus that of two fractions of so many images, the quantile is Student's with the degrees
of freedom of Welch and Satterthwaite. *Higher* holds if the whole interval lies above zero, and
does not hold if it lies below. *Comparable* holds if two one-sided tests at 95 % both reject a
difference of 2.5 points, the most that the paper calls so (a drop of 2.43 in Sec. 4.2), and does
not hold if the whole interval lies beyond that margin. *No higher* holds if the upper one of these
tests rejects, and does not hold if the whole interval lies above the margin. All else cannot be
told. Nor can anything from one seed, whose interval is of the images alone. Pairs whose numbers are
both 0, or both 100 %, for every seed say nothing and are left out, as are pairs that lack seeds
which others have; both are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import mean, stdev
from typing import Literal

from scratchticket.paper.cells import Measured

MARGIN = 0.025  # within which accuracies are comparable
LEVEL = 0.95
Sign = Literal[">", "~", "<="]
Verdict = Literal["holds", "does not hold", "cannot be told", "not tested at this scale"]
Pair = tuple[list[Measured], list[Measured]]
Both = dict[int, tuple[Measured, Measured]]  # of each seed


@dataclass(frozen=True)
class Comparison:
    """What pairs of numbers say.

    Attributes:
        verdict: By the rule of this module.
        difference: Mean over pairs and seeds; of accuracies a fraction. None if nothing is told.
        interval: Its 95 % interval; of one seed that of the images alone, none if there are none.
        accuracies: Whether it is a difference of accuracies, to be shown in points.
        pairs: How many decided.
        seeds: How many of each.
        degenerate: Pairs left out because both numbers are 0, or both 100 %, for every seed.
        incomplete: Pairs left out because they lack seeds that others have.
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
        """Return the difference with its interval, and how much it rests on."""
        left = [
            f"{count} {why} left out"
            for count, why in (
                (self.degenerate, "at 0 or 100 %"),
                (self.incomplete, "of fewer seeds"),
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


def compared(sign: Sign, pairs: Iterable[Pair]) -> Comparison:
    """Return what pairs say of a claim.

    Args:
        sign: ``>``: the first of each pair is higher; ``~``: they are comparable; ``<=``: the first
            is no higher.
        pairs: Numbers of some seeds on either side; those of seeds that both have are compared.
    """
    known = [both for pair in pairs if (both := _by_seed(pair))]
    if not known:
        return Comparison("not tested at this scale")
    told = [both for both in known if not _degenerate(both)]
    degenerate = len(known) - len(told)
    if not told:
        return Comparison("cannot be told", degenerate=degenerate)
    seeds = max((both.keys() for both in told), key=len)
    whole = [both for both in told if seeds <= both.keys()]
    by_seed = [mean(left.value - right.value for left, right in _of(whole, s)) for s in seeds]
    images = mean(_images_error(both, seeds) for both in whole)
    accuracies = images > 0
    several = len(by_seed) > 1
    variance = stdev(by_seed) ** 2 / len(by_seed) if several else 0.0
    error = sqrt(variance + images**2)
    freedom = (len(by_seed) - 1) * (error**2 / variance) ** 2 if variance else inf
    difference = mean(by_seed)

    def around(share: float) -> tuple[float, float]:
        half = _quantile(share, freedom) * error
        return difference - half, difference + half

    interval = around((1 + LEVEL) / 2)
    verdict: Verdict = "cannot be told"
    if several:
        verdict = _verdict(sign, interval, around(LEVEL)) if accuracies or sign == ">" else verdict
    return Comparison(
        verdict,
        difference,
        interval if several or accuracies else None,
        accuracies,
        len(whole),
        len(by_seed),
        degenerate,
        len(told) - len(whole),
    )


def _verdict(sign: Sign, two: tuple[float, float], one: tuple[float, float]) -> Verdict:
    """Return what follows from the two-sided interval and from the two one-sided bounds."""
    if sign == ">":
        holds, fails = two[0] > 0, two[1] < 0
    elif sign == "~":
        holds = one[0] > -MARGIN and one[1] < MARGIN
        fails = two[0] > MARGIN or two[1] < -MARGIN
    else:
        holds, fails = one[1] < MARGIN, two[0] > MARGIN
    return "holds" if holds else "does not hold" if fails else "cannot be told"


def _by_seed(pair: Pair) -> Both:
    """Return both numbers of each seed that both sides have."""
    left, right = pair
    other = {number.seed: number for number in right}
    return {number.seed: (number, other[number.seed]) for number in left if number.seed in other}


def _of(pairs: Sequence[Both], seed: int) -> list[tuple[Measured, Measured]]:
    return [both[seed] for both in pairs]


def _degenerate(both: Both) -> bool:
    """Whether both accuracies are at the same end of the scale for every seed."""
    left, right = zip(*both.values(), strict=True)
    if not all(number.images for number in (*left, *right)):
        return False
    return any(all(number.value == end for number in (*left, *right)) for end in (0.0, 1.0))


def _images_error(both: Both, seeds: Iterable[int]) -> float:
    """Return the standard error that the test images give the difference of a pair.

    Records count images and do not say which, so that the two fractions are taken as independent:
    an upper bound, since what fools one network rather fools the other too. As all seeds have the
    same images, more seeds do not lower it.
    """
    sides = zip(*(both[seed] for seed in seeds), strict=True)
    return sqrt(sum(_error(side) ** 2 for side in sides))


def _error(numbers: Sequence[Measured]) -> float:
    """Return the standard error that the number of test images alone gives a fraction.

    By the rule of succession, so that none right of a hundred is not known for certain to be none.
    """
    images = numbers[0].images
    if not images:
        return 0.0
    fraction = min(1.0, max(0.0, mean(number.value for number in numbers)))
    fraction = (fraction * images + 1) / (images + 2)
    return sqrt(fraction * (1 - fraction) / images)


def _quantile(share: float, freedom: float) -> float:
    """Return a quantile of Student's distribution; with infinite freedom, of the normal one."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(share) if freedom == inf else stdtrit(freedom, share))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number > 1)}"
