"""Plots of the paper's figures, one per panel, with the same axes and lines.

Our numbers have filled markers and solid lines; the paper's, where known, have hollow markers and
dotted lines. Text and axes take the page's text colour, for light and dark themes. A plot fits the
width of a phone without scaling.
"""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scratchticket.base.accuracy import percent
from scratchticket.paper.cells import EVERY
from scratchticket.paper.report.found import Filled, Found
from scratchticket.paper.report.tables import column_name, title

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9")
MARKERS = "osD^vP"
INK = "#010203"  # replaced by the text colour of the page
STYLE: Any = {
    "svg.hashsalt": "scratchticket",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def picture_of(found: Found, panel: str) -> str | None:
    """Return the plot of a panel as SVG for embedding in a page; None for a table.

    Equal numbers give equal bytes.
    """
    draw = {"curves": _curves, "matrix": _matrix, "bars": _bars}.get(found.recipe.shape)
    if draw is None:
        return None
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.8, 3.2), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        draw(axes, found, found.panels[panel])
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return _inline(text.getvalue(), f"{found.recipe.name}-{panel}")


def description(found: Found, panel: str) -> str:
    """Return the text alternative of a plot, for screen readers."""
    best = max((f for f in found.panels[panel] if f.mean is not None), key=lambda f: f.mean or 0.0)
    rows = dict.fromkeys(f.cell.row for f in found.panels[panel])
    at = f" at {best.cell.column}" if best.cell.column else ""
    return (
        f"{found.recipe.title}, {title(found, panel).ours}: {found.recipe.unit} of "
        f"{', '.join(rows)}. Highest: {best.text()} of {best.cell.row}{at}. "
        "The table has all numbers."
    )


def _inline(svg: str, name: str) -> str:
    """Return SVG without prologue, in the page's text colour, with ids unique on the page."""
    prefix = re.sub(r"[^a-z0-9]+", "-", name.lower())
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    return re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{prefix}-", svg)


def _curves(axes: Axes, found: Found, cells: list[Filled]) -> None:
    """Draw accuracy by remaining percent, with dense networks as dashed lines."""
    lines: dict[str, list[Filled]] = {}
    for filled in cells:
        lines.setdefault(filled.cell.row, []).append(filled)
    for index, (row, own) in enumerate(lines.items()):
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        if own[0].cell.column == EVERY:
            _dashed(axes, own[0], colour, row)
            continue
        known = [f for f in own if f.mean is not None]
        x, y = [float(f.cell.column) for f in known], [percent(f.mean or 0.0) for f in known]
        axes.plot(x, y, color=colour, marker=marker, ms=4, lw=1.3, label=row)
        printed = [f for f in own if f.cell.published is not None]
        axes.plot(
            [float(f.cell.column) for f in printed],
            [f.cell.published or 0.0 for f in printed],
            color=colour,
            marker=marker,
            ms=4,
            mfc="none",
            lw=0.8,
            ls=":",
        )
    axes.set(xlabel="remaining ratio (%)", ylabel=found.recipe.unit)
    _tidy(axes, any(f.cell.published is not None for f in cells))


def _dashed(axes: Axes, filled: Filled, colour: str, row: str) -> None:
    """Draw a number that does not depend on the ratio, as a horizontal line."""
    axes.plot(
        [], [], color=colour, lw=1.2, ls="--", label=row
    )  # for the legend, even if only the paper has the number
    if filled.mean is not None:
        axes.axhline(percent(filled.mean), color=colour, lw=1.2, ls="--")
    if filled.cell.published is not None:
        axes.axhline(filled.cell.published, color=colour, lw=0.8, ls=":")


def _matrix(axes: Axes, found: Found, cells: list[Filled]) -> None:
    """Draw a transfer matrix: a row for each attacked ticket, a column for each evaluated one."""
    names = list(dict.fromkeys(f.cell.row for f in cells))
    shares = {(f.cell.row, f.cell.column): percent(f.mean or 0.0) for f in cells}
    table = [[shares[row, column] for column in names] for row in names]
    picture = axes.imshow(table, cmap="cividis", aspect="auto")
    low, high = min(map(min, table)), max(map(max, table))
    for y, line in enumerate(table):
        for x, share in enumerate(line):
            colour = "black" if share > (low + high) / 2 else "white"
            axes.text(x, y, f"{share:.0f}", ha="center", va="center", color=colour, fontsize=7.5)
    axes.set_xticks(range(len(names)), names, fontsize=7.5)
    axes.set_yticks(range(len(names)), names, fontsize=7.5)
    axes.set(xlabel="evaluated ticket", ylabel="attacked ticket")
    axes.figure.colorbar(picture, ax=axes, label=found.recipe.unit).outline.set_visible(False)


def _bars(axes: Axes, found: Found, cells: list[Filled]) -> None:
    """Draw a group of bars for each column."""
    columns = list(dict.fromkeys(f.cell.column for f in cells))
    rows = list(dict.fromkeys(f.cell.row for f in cells))
    width = 0.8 / len(rows)
    for index, row in enumerate(rows):
        own = [f for f in cells if f.cell.row == row]
        places = [columns.index(f.cell.column) + (index - len(rows) / 2 + 0.5) * width for f in own]
        heights = [f.mean or 0.0 for f in own]
        axes.bar(places, heights, width, color=COLOURS[index % len(COLOURS)], label=row)
    axes.set_xticks(range(len(columns)), [column_name(found, column).ours for column in columns])
    axes.set(ylabel=found.recipe.unit)
    _tidy(axes)


def _tidy(axes: Axes, published: bool = False) -> None:
    """Add a grid, and a legend below the axes."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    lines, names = axes.get_legend_handles_labels()
    if published:
        lines.append(Line2D([], [], color=INK, marker="o", ms=4, mfc="none", lw=0.8, ls=":"))
        names.append("the paper's")
    axes.figure.legend(lines, names, fontsize=8, frameon=False, ncols=2, loc="outside lower center")
