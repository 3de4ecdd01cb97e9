"""The numbers of a panel as rows and columns."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scratchticket.paper.cells import EVERY
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.report.found import Filled, Found, doubts_about


@dataclass(frozen=True)
class Name:
    """How a panel, row or column is called.

    Attributes:
        ours: By what was run.
        theirs: By what the paper has in its place, empty if that is the same.
    """

    ours: str
    theirs: str = ""


@dataclass(frozen=True)
class Grid:
    """A panel as a table.

    Attributes:
        corner: What rows and columns are.
        columns: Names.
        rows: Names, each with its cells, one for each column, none where there is none. Curves
            have a row for each remaining percent and a last one for numbers that hold at any.
    """

    corner: str
    columns: tuple[Name, ...]
    rows: tuple[tuple[Name, tuple[Filled | None, ...]], ...]


CORNERS = {"curves": "remaining ratio", "matrix": "made on ↓ shown to →"}


def grid(found: Found, panel: str) -> Grid:
    """Return the table of a panel."""
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
        heads = tuple(_column(found, column) for column in columns)
    return Grid(
        CORNERS.get(found.recipe.shape, ""),
        heads,
        tuple(
            (name, tuple(places.get((row, column)) for column in columns))
            for row, name in names.items()
        ),
    )


def title(found: Found, panel: str) -> Name:
    """Return how a panel is called."""
    ours = found.scale.here(panel)
    return Name(ours, panel if ours != panel else "")


def _row(found: Found, row: str) -> Name:
    left = found.scale.left_of(row)
    return Name(re.sub(r"\d+(?:, \d+)+ %", left, row), row) if left else Name(row)


def _column(found: Found, column: str) -> Name:
    ours = found.scale.here(column)
    return Name(ours, column.rsplit(", ", 1)[-1]) if ours != column else Name(column)


def about_numbers(recipe: PaperRecipe) -> str:
    """Return what the numbers of a recipe are, and what is doubtful about the paper's."""
    doubts = doubts_about(recipe)
    of_papers = f" Of the paper's: {' '.join(doubts)}" if doubts else ""
    return f"Numbers: {recipe.unit}.{of_papers}"


def published(filled: Filled) -> str:
    """Return the paper's number as text, empty if it is not known."""
    return "" if filled.cell.published is None else f"{filled.cell.published:.2f}"


def notes(filled: Filled) -> list[str]:
    """Return the difference to the paper's number, the 95 % interval, and how many seeds."""
    theirs, interval = published(filled), filled.interval()
    said = []
    if theirs and filled.mean is not None:
        ours = 100 * filled.mean if filled.fraction else filled.mean
        said.append(f"{ours - float(theirs):+.1f}")
    if interval is not None:
        said.append(f"[{interval[0]:.1f}, {interval[1]:.1f}]")
    if filled.values:
        said.append(f"n={len(filled.values)}")
    return said
