"""The figures of the documentation, from records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from statistics import mean
from typing import Any

from findings import percents
from matplotlib.figure import Figure

from scratchticket.attacks import PGD, Attack
from scratchticket.pictures.figures import MARKERS, NATURAL, ROBUST, svg

Record = dict[str, Any]
GREY = "#888888"


def accuracy_by_epsilon(records: list[Record]) -> str:
    """Draw what PGD-20 leaves of each network as the ball grows.

    Returns:
        SVG text.
    """
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    drawn = None
    for place, record in enumerate(records):
        share = record["subject"]["kept"] / record["subject"]["of"]
        counts = {0.0: record["natural"]} | {
            float(Fraction(attack["epsilon"])): attack
            for attack in record["attacks"]
            if attack["norm"] == "linf" and Attack(PGD(), attack["epsilon"]).made(attack)
        }
        points = sorted((e, 100 * c["correct"] / c["total"]) for e, c in counts.items() if e < 0.45)
        dense = share == 1
        label = "dense, trained" if dense else f"ticket of {100 * share:.0f} %"
        style = {"color": "black", "linewidth": 2.0} if dense else {"linewidth": 1.0}
        axes.plot(*zip(*points, strict=True), marker=MARKERS[place], label=label, **style)
        drawn = float(Fraction(record["plan"]["epsilons"][0]))
    assert drawn is not None
    axes.axvline(drawn, color=GREY, linestyle=":", linewidth=1)
    axes.annotate("drawn at", (drawn, 3), xytext=(4, 0), textcoords="offset points", color=GREY)
    axes.set(
        xlabel="epsilon, of the pixel range", ylabel="accuracy under PGD-20 (%)", ylim=(0, 102)
    )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    return svg(figure)


def whiskers(values: Sequence[Sequence[float]]) -> tuple[list[float], list[list[float]]]:
    """Return the means of several seeds at each place, and how far the least and most lie off."""
    middle = [mean(seeds) for seeds in values]
    pairs = list(zip(middle, values, strict=True))
    return middle, [[m - min(v) for m, v in pairs], [max(v) - m for m, v in pairs]]


def accuracy_by_ratio(records: list[Record]) -> str:
    """Draw what tickets keep of natural and robust accuracy, over how many weights remain.

    Returns:
        SVG text.
    """
    named: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        named[record["label"]].append(record)
    tickets = [named[label] for label in ("ticket", *(n for n in named if n.startswith("ratio ")))]
    tickets.sort(key=lambda own: float(own[0]["recipe"]["ratio"]))
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    x = [100 * float(own[0]["recipe"]["ratio"]) for own in tickets]
    for part, (name, colour) in enumerate({"natural": NATURAL, "PGD-20": ROBUST}.items()):
        values = [[percents(record)[part] for record in own] for own in tickets]
        middle, errors = whiskers(values)
        marker = MARKERS[part]
        axes.errorbar(
            x, middle, yerr=errors, color=colour, marker=marker, capsize=2, label=f"ticket, {name}"
        )
        dense, random = (
            mean(percents(record)[part] for record in named[label])
            for label in ("dense", "control: random mask")
        )
        axes.axhline(dense, color=colour, linestyle="--", linewidth=1, label=f"dense, {name}")
        axes.plot(
            10, random, color=colour, marker=marker, fillstyle="none", linestyle="",
            label=f"random mask, {name}",
        )  # fmt: skip
    axes.set(xscale="log", xlabel="weights that remain (%)", ylabel="accuracy (%)", ylim=(0, 102))
    axes.set_xticks(ticks := [1, 2, 5, 10, 20, 50, 90], [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8, loc="center right", ncols=2)
    return svg(figure)
