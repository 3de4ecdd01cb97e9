"""What the paper says of its tables and figures, as comparisons that numbers can decide."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import mean

from scratchticket.paper.cells import EVERY, Measured
from scratchticket.paper.comparison import Comparison, Pair, Sign, Verdict, compared

Where = tuple[str, str, str]  # panel, row, column
Values = Mapping[Where, list[Measured]]  # one number per seed that is done


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
        short: A few words that yes or no answers, for the overview; empty if it leaves this out.
        denied: Whether the claim denies them: where it holds, the answer is no.
    """

    text: str
    sign: Sign
    pairs: Callable[[Values], Iterator[Pair]]
    printed: tuple[str, str] | None = None
    short: str = ""
    denied: bool = False

    def judged(self, values: Values) -> Judged:
        """Return what the numbers say of it."""
        return Judged(self, compared(self.sign, self.pairs(values)))


@dataclass(frozen=True)
class Judged:
    """A claim with what the numbers say of it.

    Attributes:
        claim: What the paper says.
        comparison: Of its pairs.
    """

    claim: Claim
    comparison: Comparison

    @property
    def verdict(self) -> Verdict:
        """By the rule of :mod:`scratchticket.paper.comparison`."""
        return self.comparison.verdict

    @property
    def answer(self) -> str:
        """``yes``, ``no``, ``cannot be told`` or ``not tested``, to what the claim is in short."""
        said = {"holds": not self.claim.denied, "does not hold": self.claim.denied}
        if self.verdict in said:
            return "yes" if said[self.verdict] else "no"
        return self.verdict.removesuffix(" at this scale")


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
