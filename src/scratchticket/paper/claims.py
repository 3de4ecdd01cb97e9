"""Claims about tables and figures, each a comparison of pairs of numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import mean

from scratchticket.paper.cells import EVERY, Measured
from scratchticket.paper.comparison import Comparison, Pair, Sign, Verdict, compare

Place = tuple[str, str, str]  # panel, row, column
Values = Mapping[Place, list[Measured]]  # one number per seed that was run


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, or of a study.

    Attributes:
        text: The claim, with the paper's section in parentheses.
        sign: ``>``: the first of each pair is higher; ``~``: they are comparable; ``<=``: the first
            is no higher.
        pairs: Returns the pairs of numbers to compare.
        printed: Arguments of :func:`published.difference_text` for the difference that the paper's
            text states; None if the text states none.
        short: The claim in a few words, answered with yes or no in the overview; if empty, the
            overview omits the claim.
        denied: Whether the claim is the opposite of ``short``: if it holds, the answer is no.
    """

    text: str
    sign: Sign
    pairs: Callable[[Values], Iterator[Pair]]
    printed: tuple[str, str] | None = None
    short: str = ""
    denied: bool = False

    def judged(self, values: Values) -> Judged:
        """Return the claim with its verdict for these numbers."""
        return Judged(self, compare(self.sign, self.pairs(values)))


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict.

    Attributes:
        claim: The claim.
        comparison: Comparison of its pairs of numbers.
    """

    claim: Claim
    comparison: Comparison

    @property
    def verdict(self) -> Verdict:
        """The verdict, by the rule of :mod:`scratchticket.paper.comparison`."""
        return self.comparison.verdict

    @property
    def answer(self) -> str:
        """The answer to ``claim.short``: ``yes``, ``no``, ``inconclusive`` or ``not tested``."""
        yes = {"holds": not self.claim.denied, "does not hold": self.claim.denied}
        if self.verdict in yes:
            return "yes" if yes[self.verdict] else "no"
        return self.verdict.removesuffix(" at this scale")


def rows(
    left: str,
    right: str,
    *,
    percents: Iterable[int] | None = None,
    panels: str = "",
    only: str = "",
) -> Callable[[Values], Iterator[Pair]]:
    """Return a function that pairs the numbers of two rows, by panel and column.

    Args:
        left: Name of the first row.
        right: Name of the second row. If it has one number for all columns, each number of the
            first row is paired with it.
        percents: Remaining percents to restrict the columns to.
        panels: Text that the names of panels must contain.
        only: Text that the names of columns must contain.
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


def single_pair(left: Place, right: Place) -> Callable[[Values], Iterator[Pair]]:
    """Return a function that pairs the numbers at two places."""
    return lambda values: iter([(values.get(left, []), values.get(right, []))])


def best(
    panel: str, kinds: Collection[str], right: str, column: str
) -> Callable[[Values], Iterator[Pair]]:
    """Return a function that pairs the best of several rows, by its mean, with another row.

    Args:
        panel: Name of the panel.
        kinds: Names of the rows to choose from.
        right: Name of the other row.
        column: Name of the column.
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
    """Return a function that pairs numbers of the same row at different remaining percents.

    Args:
        row: Name of the row.
        left: Percents of the first numbers; each is paired with each in ``right``.
        right: Percents of the second numbers.
        panels: Text that the names of panels must contain.
    """

    def pairs(values: Values) -> Iterator[Pair]:
        for panel in dict.fromkeys(panel for panel, *_ in values if panels in panel):
            for first in left:
                for second in right:
                    yield (
                        values.get((panel, row, str(first)), []),
                        values.get((panel, row, str(second)), []),
                    )

    return pairs


def off_diagonal(values: Values) -> Iterator[Pair]:
    """Pair each off-diagonal number of a matrix with the diagonal number in its column."""
    for (panel, row, column), found in values.items():
        if row != column:
            yield found, values.get((panel, column, column), [])
