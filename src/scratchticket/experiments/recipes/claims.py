"""What the paper says of its tables and figures, as comparisons that numbers can decide.

The rule, for all: of every pair of numbers the difference is taken seed by seed. *Higher* holds if
the mean difference is more than one standard error of the test images above zero and most pairs
agree; it does not hold if the same is true below zero; else it cannot be told. *Comparable* holds
if the mean difference lies within 2.5 points, the most that the paper calls so (a drop of 2.43 in
Sec. 4.2), or within two standard errors where these are more. *No higher* holds if the mean
difference is not further than that above zero.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import mean
from typing import Literal

from scratchticket.experiments.recipes.cells import EVERY, Measured

Where = tuple[str, str, str]  # panel, row, column
Values = Mapping[Where, list[Measured]]  # one number per seed that is done
Pair = tuple[list[Measured], list[Measured]]
COMPARABLE = 0.025
Verdict = Literal["holds", "does not hold", "cannot be told", "not tested at this scale"]


@dataclass(frozen=True)
class Claim:
    """Something the paper says.

    Attributes:
        text: What, and where (the section).
        sign: ``>``: the first of each pair is higher; ``~``: they are comparable; ``<=``: the first
            is no higher.
        pairs: Finds the pairs of numbers to compare.
        printed: The difference that the paper's text has, if it has one: section and part of
            :func:`published.said`.
    """

    text: str
    sign: Literal[">", "~", "<="]
    pairs: Callable[[Values], Iterator[Pair]]
    printed: tuple[str, str] | None = None

    def judged(self, values: Values) -> Judged:
        """Return what the numbers say of it."""
        differences, errors = [], []
        for left, right in self.pairs(values):
            other = {number.seed: number.value for number in right}
            both = [number for number in left if number.seed in other]
            if both:
                differences.append(mean(number.value - other[number.seed] for number in both))
                errors.append(_error(both))
        if not differences:
            return Judged(self, "not tested at this scale", None, None, 0)
        average, error = mean(differences), mean(errors)
        if self.sign == ">":
            agree = sum(d * average > 0 for d in differences) > len(differences) / 2
            clear = abs(average) > error and agree
            said: Verdict = "cannot be told"
            if clear:
                said = "holds" if average > 0 else "does not hold"
        else:
            apart = abs(average) if self.sign == "~" else average
            said = "holds" if apart <= max(COMPARABLE, 2 * error) else "does not hold"
        return Judged(self, said, average, error, len(differences))


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict.

    Attributes:
        claim: What the paper says.
        verdict: By the rule of this module.
        difference: Mean over pairs and seeds, a fraction.
        error: One standard error of the test images, a fraction.
        pairs: How many.
    """

    claim: Claim
    verdict: Verdict
    difference: float | None
    error: float | None
    pairs: int


def _error(values: list[Measured]) -> float:
    """Return the standard error that the number of test images alone gives a fraction.

    By the rule of succession, so that none right of a hundred is not known for certain to be none.
    """
    images = values[0].images
    if not images:
        return 0.0
    fraction = min(1.0, max(0.0, mean(value.value for value in values)))
    fraction = (fraction * images + 1) / (images + 2)
    return sqrt(fraction * (1 - fraction) / images)


def rows(
    left: str,
    right: str,
    *,
    percents: Iterable[int] | None = None,
    panels: str = "",
    only: str = "",
) -> Callable[[Values], Iterator[Pair]]:
    """Return what pairs the numbers of two rows, in the same panel and column.

    Args:
        left: Name of a row.
        right: Name of another; if it has one number for every column, that one.
        percents: Only columns with these remaining percents.
        panels: Only panels whose name contains this.
        only: Only columns whose name contains this.
    """
    chosen = None if percents is None else {str(percent) for percent in percents}

    def pairs(values: Values) -> Iterator[Pair]:
        for (panel, row, column), found in values.items():
            if row != left or panels not in panel or (chosen and column not in chosen):
                continue
            if only not in column:
                continue
            other = values.get((panel, right, column)) or values.get((panel, right, EVERY))
            if other:
                yield found, other

    return pairs


def one(left: Where, right: Where) -> Callable[[Values], Iterator[Pair]]:
    """Return what pairs two numbers, wherever they are."""
    return lambda values: iter([(values.get(left, []), values.get(right, []))])


def best(
    panel: str, kinds: Collection[str], right: str, column: str
) -> Callable[[Values], Iterator[Pair]]:
    """Return what pairs the highest of some rows, by its mean, with another row.

    Args:
        panel: Of all.
        kinds: Names of the rows to choose from.
        right: Name of the other.
        column: Of all.
    """

    def pairs(values: Values) -> Iterator[Pair]:
        known = [found for kind in kinds if (found := values.get((panel, kind, column)))]
        if known:
            highest = max(known, key=lambda found: mean(number.value for number in found))
            yield highest, values.get((panel, right, column), [])

    return pairs


def columns(
    row: str, left: Iterable[int], right: Iterable[int], panels: str = ""
) -> Callable[[Values], Iterator[Pair]]:
    """Return what pairs the numbers of one row: each of some columns with each of others.

    Args:
        row: Its name.
        left: Remaining percents.
        right: Remaining percents.
        panels: Only panels whose name contains this.
    """

    def pairs(values: Values) -> Iterator[Pair]:
        for panel in dict.fromkeys(panel for panel, *_ in values if panels in panel):
            for first in left:
                for second in right:
                    one = values.get((panel, row, str(first)), [])
                    yield one, values.get((panel, row, str(second)), [])

    return pairs


def off_diagonal(values: Values) -> Iterator[Pair]:
    """Pair the numbers of a matrix beside the diagonal with those on it in the same column."""
    for (panel, row, column), found in values.items():
        if row != column:
            yield found, values.get((panel, column, column), [])
