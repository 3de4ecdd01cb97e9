"""The paper's own numbers (Fu et al., NeurIPS 2021), with what is doubtful about them.

Tables are as printed. Curves are read off the figures to 0.2 points: robust accuracy in percent
under PGD-20 by remaining percent. Accuracies are percentages everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from scratchticket.base.errors import unknown

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A printed table.

    Attributes:
        title: What it shows.
        rows: Column to value, a row after the other.
        doubts: Why some of its numbers should not be chased.
    """

    title: str
    rows: tuple[Row, ...]
    doubts: tuple[str, ...]

    def where(self, **values: Any) -> Iterator[Row]:
        """Return the rows with these values."""
        return (
            row for row in self.rows if all(row[name] == value for name, value in values.items())
        )


def table(name: str) -> Table:
    """Return a table of the paper.

    Args:
        name: ``table1`` to ``table9``.

    Raises:
        InputError: If there is no such table.
    """
    tables = _published()["tables"]
    if name not in tables:
        raise unknown("table", name, tables)
    found = tables[name]
    rows = tuple(dict(zip(found["columns"], row, strict=True)) for row in found["rows"])
    return Table(found["title"], rows, tuple(found["doubts"]))


def curves(figure: str) -> dict[str, dict[int, float]]:
    """Return the curves that were read off a figure: name to remaining percent to accuracy.

    Args:
        figure: ``figure1`` to ``figure14``; of most there are none.
    """
    found = _published()["curves"].get(figure, {})
    return {
        name: {int(percent): float(value) for percent, value in curve.items()}
        for name, curve in found.items()
    }


def matrix(figure: str) -> dict[int, dict[int, float]]:
    """Return a transfer matrix: percent of the source to percent of the column to accuracy.

    Args:
        figure: ``figure7``.

    Raises:
        InputError: If no matrix of that figure was printed.
    """
    matrices = _published()["matrices"]
    if figure not in matrices:
        raise unknown("matrix", figure, matrices)
    percents = matrices[figure]["percent"]
    return {
        source: dict(zip(percents, row, strict=True))
        for source, row in zip(percents, matrices[figure]["rows"], strict=True)
    }


def claims() -> dict[str, Row]:
    """Return numbers that only the text has, by section: ``what`` they are, and points by part.

    A ``doubt`` says why a number should not be chased; a ``note`` names the recipe that shows a
    number with which none of ours can be compared.
    """
    return dict(_published()["claims"])


def said(claim: str, part: str) -> str:
    """Return a number that only the text has, in points, as it is shown.

    Args:
        claim: A key of :func:`claims`.
        part: Which of its numbers.
    """
    number = claims()[claim][part]
    ends = number if isinstance(number, list) else [number]
    text = " to ".join(f"{end:+.2f}" for end in ends)
    if part.startswith("on "):
        return f"{text} {part}"
    return f"at most {text}" if part == "most" else text


@cache
def _published() -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(files(__package__).joinpath("published.json").read_text())
    return tree
