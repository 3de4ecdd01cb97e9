"""The page on searches that cost less: its tables and its figure, from the records of studies."""

from __future__ import annotations

from typing import Any

from findings import Rows, by_label, measured, percents, spread
from matplotlib.figure import Figure

from pictures import GREY, whiskers
from scratchticket.paper.comparison import compared as judged
from scratchticket.pictures.figures import MARKERS, svg
from scratchticket.runs.cost import forward_passes

Record = dict[str, Any]
FAMILIES = {"PGD-7": "black", "PGD": "#0072b2", "FGSM-RS": "#d55e00"}
SHIPPED = {  # what ``--preset fast`` does, in each study
    "fast-digits": "FGSM-RS, 30 epochs, batches of 32",
    "fast-defaults": "FGSM-RS, 15 epochs, batches of 32",
    "fast-cifar10": "FGSM-RS, 10 epochs, batches of 32",
}
PRESET = "#009e73"
STUDIES = {
    "fast-digits": "digits, against 40 epochs",
    "fast-defaults": "digits, against the defaults",
    "fast-cifar10": "a part of CIFAR-10, width 8",
}


def cost(record: Record) -> float:
    """Return what a search costs, in forward passes per training image."""
    return forward_passes(record["recipe"])


def _of_studies(records: list[Record]) -> dict[str, list[Record]]:
    """Return the records of each study, in the order of the page."""
    return {
        study: own
        for study in STUDIES
        if (own := [record for record in records if record["study"] == study])
    }


def compared(records: list[Record]) -> str:
    """Draw robust accuracy against the operations of the search, a panel for each study.

    Returns:
        SVG text.
    """
    studies = _of_studies(records)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    panels = figure.subplots(1, len(studies), squeeze=False)[0]
    for axes, (study, own) in zip(panels, studies.items(), strict=True):
        rows = by_label(own, study)
        first, *_ = rows
        whole = [percents(record)[1] for record in rows[first]]
        axes.axhspan(min(whole), max(whole), color=GREY, alpha=0.25, linewidth=0)
        for place, (label, same) in enumerate(rows.items()):
            x = cost(same[0]) / cost(rows[first][0])
            middle, errors = whiskers([[percents(record)[1] for record in same]])
            family = next(name for name in FAMILIES if label.startswith(name))
            shipped = label == SHIPPED[study]
            axes.errorbar(
                [x],
                middle,
                yerr=errors,
                fmt="*" if shipped else MARKERS[place % len(MARKERS)],
                color=PRESET if shipped else FAMILIES[family],
                capsize=2,
                linewidth=1,
                markersize=10 if shipped else 4,
                zorder=3 if shipped else 2,
            )
        axes.axvline(1 / 5, color=GREY, linestyle=":", linewidth=1)
        axes.set(xscale="log", title=STUDIES[study], xlabel="operations, of PGD-7's")
        axes.set_xticks([1 / 20, 1 / 10, 1 / 5, 1 / 2, 1], ["1/20", "1/10", "1/5", "1/2", "1"])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("robust accuracy (%)")
    marks = {"PGD-7": "PGD-7", "PGD": "PGD-2, PGD-3", "FGSM-RS": "FGSM-RS"}
    for family, colour in FAMILIES.items():
        panels[-1].plot([], [], "o", color=colour, markersize=4, label=marks[family])
    panels[-1].plot([], [], "*", color=PRESET, markersize=10, label="--preset fast")
    panels[-1].legend(frameon=False, fontsize=8, loc="lower right")
    return svg(figure)


def tables(records: list[Record]) -> str:
    """Return the tables of every study, in Markdown."""
    attacked = [record for record in records if record.get("kind") == "evaluation"]
    parts = []
    for study, own in _of_studies(records).items():
        title = STUDIES[study]
        parts.append(f"## {title[0].upper()}{title[1:]}\n\n{_searches(by_label(own, study))}")
        judged = [record for record in attacked if record["study"] == f"{study}-attacks"]
        if judged:
            parts.append(_worst(by_label(judged, study)))
    return "\n".join(parts)


def _searches(rows: Rows) -> str:
    """Return the table of all ways to search, of which the first is the whole one."""
    first, *_ = rows
    whole = rows[first][0]
    lines = []
    for label, own in rows.items():
        natural, robust = zip(*map(percents, own), strict=True)
        each = ", ".join(f"{value:.1f}" for value in robust)
        apart = said = ""
        if label != first:
            apart = judged(">", [(measured(own), measured(rows[first]))]).text()
            said = judged("<=", [(measured(rows[first]), measured(own))]).verdict
        lines.append(
            f"| {label} | {cost(own[0]) / cost(whole):.2f} | {spread(natural)} "
            f"| {spread(robust)} | {each} | {apart} | {said} |"
        )
    several = [record for own in rows.values() for record in own]
    seeds = ", ".join(map(str, sorted({record["recipe"]["seed"] for record in several})))
    total = whole["results"]["last"]["natural"]["total"]
    machines = " or ".join(sorted({record["machine"]["device"] for record in several}))
    return f"""\
| search | operations, of the first | natural (%) | robust (%) | of each seed | difference, points \
| no less robust |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}

Accuracy on {total:,} test images, robust under PGD-20, mean ± standard deviation over seeds
{seeds}, on {machines}.
"""


def _worst(rows: Rows) -> str:
    """Return the worst case over many attacks of those searches that met them."""
    lines = []
    for label, own in rows.items():
        cases = [record["worst_case"] for record in own]
        worst = [100 * case["correct"] / case["total"] for case in cases]
        each = ", ".join(f"{value:.1f}" for value in worst)
        lines.append(f"| {label} | {spread(worst)} | {each} | {len(cases[0]['attacks'])} |")
    return f"""\
| search | worst case (%) | of each seed | attacks |
|---|---|---|---|
{chr(10).join(lines)}

Images that none of the attacks fooled, at epsilon {cases[0]["epsilon"]}; mean ± standard deviation.
"""
