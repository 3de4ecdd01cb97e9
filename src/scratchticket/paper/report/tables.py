"""The numbers of a panel, arranged in rows and columns."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scratchticket.base.accuracy import percent
from scratchticket.paper.cells import EVERY
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.report.found import Filled, Found, doubts_about, of_paper


@dataclass(frozen=True)
class Name:
    """The name of a panel, row or column.

    Attributes:
        ours: Name of what was run.
        theirs: The paper's name of what it replaces; empty if nothing was replaced.
    """

    ours: str
    theirs: str = ""


@dataclass(frozen=True)
class Grid:
    """A panel as a table.

    Attributes:
        corner: Text in the upper left corner, which explains rows and columns.
        columns: Names of the columns.
        rows: Name of each row with its cells, one per column; None for an empty cell. Curves have
            a row for each remaining percent, and a last row for numbers that do not depend on it.
    """

    corner: str
    columns: tuple[Name, ...]
    rows: tuple[tuple[Name, tuple[Filled | None, ...]], ...]


CORNERS = {
    "curves": "remaining ratio",
    "matrix": "attacked\N{NO-BREAK SPACE}↓ evaluated\N{NO-BREAK SPACE}→",
}


def grid(found: Found, panel: str) -> Grid:
    """Return the numbers of a panel as a table."""
    cells = found.panels[panel]
    curves = found.recipe.shape == "curves"
    places = {
        (f.cell.column, f.cell.row) if curves else (f.cell.row, f.cell.column): f for f in cells
    }
    known = {row for (row, _), f in places.items() if f.values or f.cell.published is not None}
    rows = dict.fromkeys(row for row, _ in places if row in known)
    columns = tuple(dict.fromkeys(column for _, column in places))
    if curves:
        ordered = sorted(rows, key=lambda row: (row == EVERY, int(row or 0)))
        names = {row: Name(f"{row} %" if row != EVERY else "any ratio") for row in ordered}
        heads = tuple(map(Name, columns))
    else:
        names = {row: _row(found, row) for row in rows}
        heads = tuple(column_name(found, column) for column in columns)
    return Grid(
        CORNERS.get(found.recipe.shape, ""),
        heads,
        tuple(
            (name, tuple(places.get((row, column)) for column in columns))
            for row, name in names.items()
        ),
    )


def title(found: Found, panel: str) -> Name:
    """Return the name of a panel; the paper's name is left out for a study."""
    ours = found.scale.our_name(panel)
    return Name(ours, panel if ours != panel and of_paper([found]) else "")


def _row(found: Found, row: str) -> Name:
    """Return the name of a row, with the percents of this scale in place of the paper's set."""
    reduced = found.scale.reduced_set_label(row)
    return Name(re.sub(r"\d+(?:, \d+)+ %", reduced, row), row) if reduced else Name(row)


def column_name(found: Found, column: str) -> Name:
    """Return the name of a column, with this scale's epsilons and radii in place of the paper's."""
    ours = found.scale.our_name(column)
    return Name(ours, column.rsplit(", ", 1)[-1]) if ours != column else Name(column)


def about_numbers(recipe: PaperRecipe) -> str:
    """Return the unit of a recipe's numbers, and doubts about the paper's numbers."""
    doubts = doubts_about(recipe)
    doubted = f" Doubts about the paper's numbers: {' '.join(doubts)}" if doubts else ""
    return f"Numbers: {recipe.unit}.{doubted}"


def published(filled: Filled) -> str:
    """Return the paper's number as text; empty if unknown."""
    return "" if filled.cell.published is None else f"{filled.cell.published:.2f}"


def notes(filled: Filled) -> list[str]:
    """Return the difference from the paper's number, the 95 % interval and the number of seeds."""
    printed, interval = published(filled), filled.interval()
    texts = []
    if printed and filled.mean is not None:
        ours = percent(filled.mean) if filled.fraction else filled.mean
        texts.append(f"{ours - float(printed):+.1f}")
    if interval is not None:
        texts.append(f"[{interval[0]:.1f}, {interval[1]:.1f}]")
    if filled.values:
        texts.append(f"n={len(filled.values)}")
    return texts
