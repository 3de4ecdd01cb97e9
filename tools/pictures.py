"""The figures of the documentation, from records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from statistics import mean
from typing import Any

from findings import percents, spread
from matplotlib.figure import Figure

from scratchticket.experiments.figures import MARKERS, NATURAL, ROBUST, svg

Record = dict[str, Any]
GREY = "#888888"
FAMILIES = {"PGD-7": "black", "PGD": "#0072b2", "FGSM-RS": "#d55e00"}


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


def passes(record: Record) -> int:
    """Return how many images a search puts through the network, forward and backward."""
    recipe = record["recipe"]
    learning, attack = recipe["learning"], recipe["attack"]
    steps = attack["steps"] if attack["name"] == "pgd" else 1
    return int(learning["epochs"] * (steps + 1))


def by_label(records: list[Record]) -> dict[str, list[Record]]:
    """Return the records of every way to search that all seeds have; the first is the whole one."""
    rows: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        rows[record["label"]].append(record)
    most = max(map(len, rows.values()))
    return {label: own for label, own in rows.items() if len(own) == most}


def robustness_by_cost(records: list[Record]) -> str:
    """Draw robust accuracy against the passes of the search, for every way to search.

    Returns:
        SVG text.
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    rows = by_label(records)
    robust = {label: [percents(record)[1] for record in own] for label, own in rows.items()}
    (whole, *_), *_ = rows.values()
    low, high = min(robust["PGD-7"]), max(robust["PGD-7"])
    axes.axhspan(low, high, color=GREY, alpha=0.2, linewidth=0, label="PGD-7: least to most")
    for place, (label, own) in enumerate(rows.items()):
        x = passes(own[0]) / passes(whole)
        middle, errors = whiskers([robust[label]])
        axes.errorbar(
            [x * 1.03 ** (place % 9 - 4)],  # side by side, not one above the other
            middle,
            yerr=errors,
            fmt=MARKERS[place % len(MARKERS)],
            color=next(colour for name, colour in FAMILIES.items() if label.startswith(name)),
            label=label,
            capsize=2,
            linewidth=1,
        )
    axes.set(xscale="log", xlabel="passes through the network, of those of PGD-7")
    axes.set(ylabel="robust accuracy (%)")
    axes.set_xticks([1 / 20, 1 / 10, 1 / 5, 1 / 2, 1], ["1/20", "1/10", "1/5", "1/2", "1"])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return svg(figure)


def searches(records: list[Record]) -> str:
    """Return the tables of every data set, in Markdown."""
    parts: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        name = record["data"]["name"] if "data" in record else record["recipe"]["data"]["name"]
        parts[Path(name).name].append(record)
    order = sorted(parts, key=lambda name: name != "digits")
    return "\n".join(f"## {name}\n\n{_searches(parts[name])}" for name in order)


def _searches(records: list[Record]) -> str:
    """Return the table of all ways to search, and of those that met more attacks."""
    rows = by_label([record for record in records if record.get("kind") != "evaluation"])
    judged = [record for record in records if record.get("kind") == "evaluation"]
    records = [record for own in rows.values() for record in own]
    (whole, *_), *_ = rows.values()
    base = [percents(record)[1] for record in rows["PGD-7"]]
    lines = []
    for label, own in rows.items():
        natural, robust = zip(*map(percents, own), strict=True)
        lines.append(
            f"| {label} | {own[0]['recipe']['learning']['epochs']} "
            f"| {passes(own[0]) / passes(whole):.2f} | {spread(natural)} | {spread(robust)} "
            f"| {mean(robust) - mean(base):+.1f} | {'yes' if mean(robust) >= min(base) else 'no'} |"
        )
    seeds = ", ".join(map(str, sorted({record["recipe"]["seed"] for record in records})))
    total = whole["results"]["last"]["natural"]["total"]
    machines = " or ".join(sorted({record["machine"]["device"] for record in records}))
    return f"""\
| search | epochs | passes, of PGD-7's | natural (%) | robust (%) | difference | as robust |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}

Accuracy on {total:,} test images, robust under PGD-20, mean ± standard deviation over seeds
{seeds}, on {machines}. *As robust*: the mean is not below {
        "the least seed" if len(base) > 1 else "that"
    } of PGD-7.
{_worst(judged) if judged else ""}"""


def _worst(judged: list[Record]) -> str:
    """Return the worst case over many attacks of those searches that met them."""
    lines = []
    for label, own in by_label(judged).items():
        worst = [100 * r["worst_case"]["correct"] / r["worst_case"]["total"] for r in own]
        lines.append(f"| {label} | {spread(worst)} | {len(own[0]['worst_case']['attacks'])} |")
    epsilon = judged[0]["worst_case"]["epsilon"]
    seeds = len(next(iter(by_label(judged).values())))
    return f"""
| search | worst case (%) | attacks |
|---|---|---|
{chr(10).join(lines)}

Images that none of the attacks fooled, at epsilon {epsilon};
mean ± standard deviation over {seeds} seed{"s" * (seeds > 1)}.
"""
