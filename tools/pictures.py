"""The figures of the documentation, from records."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from statistics import mean
from typing import Any

from matplotlib.figure import Figure

from scratchticket.experiments.figures import MARKERS, svg

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
            if attack["title"].startswith("pgd-20, linf")
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


def passes(record: Record) -> int:
    """Return how many images a search puts through the network, forward and backward."""
    recipe = record["recipe"]
    learning, attack = recipe["learning"], recipe["attack"]
    steps = attack["steps"] if attack["name"] == "pgd" else 1
    return int(learning["epochs"] * (steps + 1))


def by_cost(records: list[Record]) -> dict[str, list[tuple[float, float]]]:
    """Return the points of every way to search: share of the passes, and robust accuracy (%).

    The first row is what the others are compared with.
    """
    whole = passes(records[0])
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for record in records:
        robust = record["results"][record["selected"]]["attacks"][0]
        share = 100 * robust["correct"] / robust["total"]
        points[record["label"]].append((passes(record) / whole, share))
    return points


def robustness_by_cost(records: list[Record]) -> str:
    """Draw robust accuracy against the passes of the search, for every way to search.

    Returns:
        SVG text.
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    points = by_cost(records)
    first, *_ = points.values()
    low, high = min(y for _, y in first), max(y for _, y in first)
    axes.axhspan(low, high, color=GREY, alpha=0.2, linewidth=0, label="PGD-7: least to most")
    for place, (label, own) in enumerate(points.items()):
        x, ys = own[0][0], [y for _, y in own]
        middle = mean(ys)
        spread = [[middle - min(ys)], [max(ys) - middle]]
        axes.errorbar(
            [x * (1 + 0.012 * (place % 7 - 3))],  # side by side, not one above the other
            [middle],
            yerr=spread,
            fmt=MARKERS[place % len(MARKERS)],
            label=label,
            capsize=2,
            linewidth=1,
        )
    axes.set(xscale="log", xlabel="passes through the network, of those of PGD-7")
    axes.set(ylabel="robust accuracy (%)")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return svg(figure)
