"""The figures of the documentation, from records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from statistics import mean
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from result_tables import by_study, found_study

from scratchticket.attacks import PGD, Attack
from scratchticket.base.accuracy import percent
from scratchticket.paper.recipes import fewer_steps, searches
from scratchticket.paper.recipes.digits import PERCENTS, RANDOM_MASK, ticket_of
from scratchticket.paper.report.found import Found
from scratchticket.paper.study import NATURAL, ROBUST
from scratchticket.pictures import figures
from scratchticket.pictures.figures import FAINT, INK, MARKERS, STYLE, svg

Record = dict[str, Any]
FAMILIES = {"PGD-7": INK, "PGD": figures.NATURAL, "FGSM-RS": figures.ROBUST}
PRESET = figures.SINGLE
STRONGEST = "#7a3e9d"


@mpl.rc_context(STYLE)
def accuracy_by_epsilon(records: list[Record]) -> str:
    """Draw each network's accuracy under PGD-20 against epsilon.

    Returns:
        SVG text.
    """
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    judged = [record["record"] for record in records if record["job"]["kind"] == "judge"]
    for place, record in enumerate(judged):
        share = record["subject"]["kept"] / record["subject"]["of"]
        counts = {0.0: record["natural"]} | {
            float(Fraction(attack["epsilon"])): attack
            for attack in record["attacks"]
            if attack["norm"] == "linf" and Attack(PGD(), attack["epsilon"]).matches(attack)
        }
        points = sorted(
            (e, percent(c["correct"], c["total"])) for e, c in counts.items() if e < 0.45
        )
        dense = share == 1
        label = "dense, trained" if dense else f"ticket of {percent(share):.0f} %"
        style = {"color": INK, "linewidth": 2.0} if dense else {"linewidth": 1.0}
        axes.plot(*zip(*points, strict=True), marker=MARKERS[place], label=label, **style)
    drawn = float(Fraction(judged[0]["plan"]["epsilons"][0]))
    axes.axvline(drawn, color=FAINT, linestyle=":", linewidth=1)
    axes.annotate("drawn at", (drawn, 3), xytext=(4, 0), textcoords="offset points", color=FAINT)
    axes.set(
        xlabel="epsilon, of the pixel range", ylabel="accuracy under PGD-20 (%)", ylim=(0, 102)
    )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    return svg(figure)


def whiskers(values: Sequence[Sequence[float]]) -> tuple[list[float], list[list[float]]]:
    """Return the mean over seeds at each place, and its distances to minimum and maximum."""
    middle = [mean(seeds) for seeds in values]
    pairs = list(zip(middle, values, strict=True))
    return middle, [[m - min(v) for m, v in pairs], [max(v) - m for m, v in pairs]]


def values_of(found: Found, panel: str, row: str, column: str) -> list[float]:
    """Return a cell's values, one for each seed; fractions in percent."""
    filled = next(
        f for f in found.cells if (f.cell.panel, f.cell.row, f.cell.column) == (panel, row, column)
    )
    return [(100 if value.images else 1) * value.value for value in filled.values]


@mpl.rc_context(STYLE)
def accuracy_by_ratio(records: list[Record]) -> str:
    """Draw the natural and robust accuracy of tickets against the remaining ratio.

    Returns:
        SVG text.
    """
    found = found_study(records)
    (panel,) = found.panels
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    colours = {NATURAL: figures.NATURAL, ROBUST: figures.ROBUST}
    for place, (column, colour) in enumerate(colours.items()):
        curve = {p: values_of(found, panel, ticket_of(p), column) for p in PERCENTS}
        curve = {percent: values for percent, values in curve.items() if values}
        middle, errors = whiskers(list(curve.values()))
        marker = MARKERS[place]
        axes.errorbar(
            list(curve), middle, yerr=errors, color=colour, marker=marker, capsize=2,
            label=f"ticket, {column}",
        )  # fmt: skip
        dense, random = (
            mean(values_of(found, panel, row, column)) for row in ("dense", RANDOM_MASK)
        )
        axes.axhline(dense, color=colour, linestyle="--", linewidth=1, label=f"dense, {column}")
        axes.plot(
            10, random, color=colour, marker=marker, fillstyle="none", linestyle="",
            label=f"random mask, {column}",
        )  # fmt: skip
    axes.set(xscale="log", xlabel="weights that remain (%)", ylabel="accuracy (%)", ylim=(0, 102))
    axes.set_xticks(ticks := [1, 2, 5, 10, 20, 50, 90], [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8, loc="center right", ncols=2)
    return svg(figure)


@mpl.rc_context(STYLE)
def robustness_by_cost(records: list[Record]) -> str:
    """Draw robust accuracy against the operations of the search, a panel for each baseline.

    Returns:
        SVG text.
    """
    founds = [found_study(own) for own in by_study(records).values()]
    panels = [(found, panel) for found in founds for panel in found.panels]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    every = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (found, panel) in zip(every, panels, strict=True):
        rows = list(dict.fromkeys(f.cell.row for f in found.panels[panel]))
        (whole, *_) = values_of(found, panel, rows[0], fewer_steps.COST)
        best = values_of(found, panel, rows[0], ROBUST)
        axes.axhspan(min(best), max(best), color=FAINT, alpha=0.25, linewidth=0)
        for place, row in enumerate(rows):
            if not (values := values_of(found, panel, row, ROBUST)):
                continue
            (passes, *_) = values_of(found, panel, row, fewer_steps.COST)
            middle, errors = whiskers([values])
            family = next(name for name in FAMILIES if row.startswith(name))
            shipped = row == fewer_steps.SHIPPED[panel]
            axes.errorbar(
                [passes / whole],
                middle,
                yerr=errors,
                fmt="*" if shipped else MARKERS[place % len(MARKERS)],
                color=PRESET if shipped else FAMILIES[family],
                capsize=2,
                linewidth=1,
                markersize=10 if shipped else 4,
                zorder=3 if shipped else 2,
            )
        axes.axvline(1 / 5, color=FAINT, linestyle=":", linewidth=1)
        axes.set(xscale="log", title=panel, xlabel="operations, relative to PGD-7")
        axes.set_xticks([1 / 20, 1 / 10, 1 / 5, 1 / 2, 1], ["1/20", "1/10", "1/5", "1/2", "1"])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    every[0].set_ylabel("robust accuracy (%)")
    marks = {"PGD-7": "PGD-7", "PGD": "PGD-2, PGD-3", "FGSM-RS": "FGSM-RS"}
    for family, colour in FAMILIES.items():
        every[-1].plot([], [], "o", color=colour, markersize=4, label=marks[family])
    every[-1].plot([], [], "*", color=PRESET, markersize=10, label="--preset fast")
    every[-1].legend(frameon=False, fontsize=8, loc="lower right")
    return svg(figure)


@mpl.rc_context(STYLE)
def searches_by_cost(records: list[Record]) -> str:
    """Draw the robust accuracy of searches against their operations, a panel for each ratio.

    Returns:
        SVG text.
    """
    studies = [found_study(own) for own in by_study(records).values()]
    panels = [(one, panel) for one in studies for panel in one.panels if _several(one, panel)]
    named = {
        searches.PAPER: INK,
        searches.BASE: figures.NATURAL,
        searches.TOGETHER: figures.ROBUST,
        searches.AS_LONG: PRESET,
        searches.STRONG_AS_LONG: STRONGEST,
    }
    lines: dict[str, Any] = {}
    figure = Figure(figsize=(9, 3.2 * math.ceil(len(panels) / 2) + 0.4), layout="constrained")
    sides = figure.subplots(math.ceil(len(panels) / 2), 2, squeeze=False).flatten()
    for axes in sides[len(panels) :]:
        axes.remove()
    for axes, (found, panel) in zip(sides, panels, strict=False):
        rows = list(dict.fromkeys(f.cell.row for f in found.panels[panel]))
        costs = {row: values_of(found, panel, row, searches.COST)[:1] for row in rows}
        for row in rows:
            values = values_of(found, panel, row, searches.ROBUST)
            if not values:
                continue
            middle, errors = whiskers([values])
            same = [r for r in costs if r not in named and costs[r] == costs[row]]  # side by side
            beside = 1 + 0.03 * (same.index(row) - len(same) / 2 + 0.5) if row in same else 1
            name = row if row in named else "other combinations of parts"
            lines[name] = axes.errorbar(
                [costs[row][0] * beside],
                middle,
                yerr=errors,
                fmt="o" if row in named else ".",
                color=named.get(row, FAINT),
                capsize=2,
                linewidth=1,
                markersize=6,
                zorder=3 if row in named else 2,
            )
        data, kept = found.scale.our_name(panel).split(" on ")[1].rsplit(", ", 1)
        axes.set(xscale="log", title=f"{data}, {kept} of the weights")
        ticks = [50, 100, 200, 400]
        axes.set_xticks(ticks, list(map(str, ticks)))
        axes.minorticks_off()
        low, high = axes.get_ylim()
        axes.set_ylim(10 * math.floor(low / 10), min(100, 10 * math.ceil(high / 10)))
        axes.grid(alpha=0.3)
    for axes in sides[: len(panels) : 2]:
        axes.set_ylabel("robust accuracy (%)")
    for axes in sides[max(0, len(panels) - 2) : len(panels)]:
        axes.set_xlabel("forward passes per image")
    figure.legend(
        lines.values(), lines.keys(), frameon=False, fontsize=8, loc="outside lower center", ncols=2
    )
    return svg(figure)


def _several(found: Found, panel: str) -> bool:
    """Return whether at least two searches of a panel have robust accuracies."""
    rows = {
        f.cell.row for f in found.panels[panel] if f.cell.column == searches.ROBUST and f.values
    }
    return len(rows) > 1
