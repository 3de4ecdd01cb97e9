"""The numbers of a panel as rows and columns."""

from __future__ import annotations

from dataclasses import dataclass

from scratchticket.paper.cells import EVERY
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.report.found import Filled, Found, doubts_about


@dataclass(frozen=True)
class Grid:
    """A panel as a table.

    Attributes:
        columns: Names; remaining percents for curves. Numbers that hold whatever the percent have
            a column of their own.
        rows: Name to its cells, one for each column, none where there is none.
    """

    columns: tuple[str, ...]
    rows: dict[str, tuple[Filled | None, ...]]


def grid(found: Found, panel: str) -> Grid:
    """Return the table of a panel."""
    cells = found.panels[panel]
    names = dict.fromkeys(filled.cell.column for filled in cells)
    columns = tuple(sorted(names, key=lambda name: name != EVERY))
    rows: dict[str, dict[str, Filled]] = {}
    for filled in cells:
        rows.setdefault(filled.cell.row, {})[filled.cell.column] = filled
    return Grid(
        tuple(heading(found, column) for column in columns),
        {
            here(row, found.scale.left_of(row)): tuple(own.get(column) for column in columns)
            for row, own in rows.items()
        },
    )


def heading(found: Found, column: str) -> str:
    """Return how a column is called."""
    if column == EVERY:
        return "any ratio"
    if found.recipe.shape == "curves" and column.isdecimal():
        return f"{column} %"
    return here(column, found.scale.called(column))


def here(name: str, stands: str) -> str:
    """Return a name, and what stands there at this scale."""
    return f"{name} (here {stands})" if stands else name


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
