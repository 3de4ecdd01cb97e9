"""The numbers published in the paper (Fu et al., NeurIPS 2021), and doubts about them.

Tables are as printed. Curves are read off the figures to 0.2 points: robust accuracy under PGD-20
by remaining percent. All accuracies are in percent.
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
        title: What the table shows.
        rows: The rows, each a mapping from column to value.
        doubts: Reasons to doubt some of its numbers.
    """

    title: str
    rows: tuple[Row, ...]
    doubts: tuple[str, ...]

    def where(self, **values: Any) -> Iterator[Row]:
        """Return the rows with these values in the named columns."""
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
    """Return the curves read off a figure: accuracy by name and remaining percent.

    Args:
        figure: ``figure1`` to ``figure14``; most have none.
    """
    found = _published()["curves"].get(figure, {})
    return {
        name: {int(percent): float(value) for percent, value in curve.items()}
        for name, curve in found.items()
    }


def matrix(figure: str) -> dict[int, dict[int, float]]:
    """Return a transfer matrix: accuracy by the percents of source and evaluated ticket.

    Args:
        figure: ``figure7``.

    Raises:
        InputError: If the figure has no printed matrix.
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
    """Return the numbers that are only in the paper's text, by section.

    In each entry, ``what`` describes the numbers and ``doubt`` is a reason to doubt them; all other
    keys but ``note`` map a part to its number, in points. The doubt is shown with the recipes whose
    claims refer to the entry, and with the recipe named by ``note``, if any.
    """
    return dict(_published()["claims"])


def difference_text(claim: str, part: str) -> str:
    """Return a number of the paper's text as shown on pages, in points: ``+7.40 to +9.83``.

    Args:
        claim: A key of :func:`claims`.
        part: Key of the number within the claim.
    """
    number = claims()[claim][part]
    ends = number if isinstance(number, list) else [number]
    text = " to ".join(f"{end:+.2f}" for end in ends)
    if part.startswith("on "):
        return f"{text} {part}"
    return f"at most {text}" if part == "most" else text


@cache
def _published() -> dict[str, Any]:
    """Return the content of ``published.json``."""
    tree: dict[str, Any] = json.loads(files(__package__).joinpath("published.json").read_text())
    return tree
