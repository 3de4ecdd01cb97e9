"""The page on what R2S is worth, from the records of a sweep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import mean, stdev
from typing import Any

from matplotlib.figure import Figure
from pictures import whiskers

from scratchticket.experiments.figures import MARKERS, svg
from scratchticket.experiments.recipes import SCALES
from scratchticket.experiments.recipes.figure7 import FULL
from scratchticket.experiments.recipes.parts import RELEASED, SET, percent_name

Record = dict[str, Any]
Read = Callable[[Record], float]
STOPPED, WHOLE = "stopped", "to the end"
TRANSFER, SWITCH, TOGETHER = "transfer between tickets", "R2S", "R2S beside"  # labels of jobs


READS: dict[str, Read] = {  # of a switch, every image under the worst that was found for it
    "R2S": lambda r: r["worst_case"]["expected"],
    "its best ticket": lambda r: _share(r["worst_case"]["best_member"]),
    "bound": lambda r: r["worst_case"]["bound"],
    "all tickets right": lambda r: _share(r["worst_case"]["all_right"]),
    "dense": lambda r: _share(r["dense"]["worst_case"]),
}


def answers(scale: str, records: list[Record]) -> str:
    """Return the tables and what follows from them, in Markdown.

    Args:
        scale: At which scale.
        records: As ``scratchticket report --export`` writes them.
    """
    by_kind, names = _by_kind(records), _names(scale)
    parts = [_early_stop(scale, names, by_kind[TRANSFER]), _known_set(by_kind[SWITCH])]
    if TOGETHER in by_kind:
        parts.append(_together(by_kind))
    return "\n\n".join(parts) + "\n"


def compared(scale: str, records: list[Record]) -> str:
    """Draw one ticket, R2S under ever stronger attackers, and what could be used instead.

    Returns:
        SVG text.
    """
    by_kind, names = _by_kind(records), _names(scale)
    near = SCALES[scale].epsilon(8)
    stopped, whole = RELEASED.format(near), FULL.format(near)
    of_matrix: dict[str, Read] = {
        "one ticket, PGD-20 on it": lambda r: _mean(r, stopped, names, diagonal=True),
        "R2S, the paper's protocol": lambda r: _mean(r, stopped, names),
        "R2S, search to the end": lambda r: _mean(r, whole, names),
    }
    of_switch = {
        "R2S, attacker knows the set": READS["R2S"],
        "its best ticket, the same attacks": READS["its best ticket"],
        "dense network, as many attacks": READS["dense"],
    }
    colours = ("#999999", "#0072b2", "#56b4e9", "#d55e00", "#e69f00", "#000000")
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    panels = [panel for panel in by_kind[TRANSFER] if panel in by_kind[SWITCH]]
    for place, (name, read) in enumerate({**of_matrix, **of_switch}.items()):
        kind = TRANSFER if name in of_matrix else SWITCH
        values = [[100 * read(record) for record in by_kind[kind][panel]] for panel in panels]
        middle, errors = whiskers(values)
        where = [number + (place - 2.5) * 0.14 for number in range(len(panels))]
        axes.errorbar(
            where, middle, yerr=errors, fmt=MARKERS[place], color=colours[place], label=name
        )
    here = [SCALES[scale].called(panel).replace(", ", "\n") for panel in panels]
    axes.set_xticks(range(len(panels)), here, fontsize=8)
    axes.set(ylabel="robust accuracy (%)")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return svg(figure)


def _by_kind(records: list[Record]) -> dict[str, dict[str, list[Record]]]:
    """Return the records of matrices and switches, by panel."""
    by_kind: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        what, _, panel = record["job"]["label"].partition(", ")
        if what in {TRANSFER, SWITCH, TOGETHER}:
            by_kind[what][panel].append(record["record"])
    return by_kind


def _names(scale: str) -> list[str]:
    """Return what the tickets of the set are called."""
    return [percent_name(percent) for percent in SCALES[scale].some(SET)]


def _early_stop(scale: str, names: list[str], matrices: dict[str, list[Record]]) -> str:
    """Return how much of the matrices' gain goes when the search is not stopped."""
    near = SCALES[scale].epsilon(8)
    titles = {STOPPED: RELEASED.format(near), WHOLE: FULL.format(near)}
    lines = [
        "| tickets of | one ticket | R2S, search stopped | R2S, search to the end "
        "| share of the gain that is the early stop |",
        "|---|---|---|---|---|",
    ]
    shares = []
    for panel, records in matrices.items():
        alone = [_mean(r, titles[STOPPED], names, diagonal=True) for r in records]
        stopped = [_mean(r, titles[STOPPED], names) for r in records]
        alone_whole = [_mean(r, titles[WHOLE], names, diagonal=True) for r in records]
        whole = [_mean(r, titles[WHOLE], names) for r in records]
        gain = mean(s - a for s, a in zip(stopped, alone, strict=True))
        left = mean(w - a for w, a in zip(whole, alone_whole, strict=True))
        shares.append(1 - left / gain)
        lines.append(
            f"| {panel} | {_text(alone)} | {_text(stopped)} | {_text(whole)} "
            f"| {100 * shares[-1]:.0f} % |"
        )
    said = (
        f"Between {100 * min(shares):.0f} and {100 * max(shares):.0f} % of what switching gains in "
        "the paper's protocol over one of its tickets is the early stop."
        if shares
        else ""
    )
    return "\n".join(lines) + f"\n\n{said}"


def _mean(record: Record, title: str, names: list[str], *, diagonal: bool = False) -> float:
    """Return the mean accuracy over sources and columns of a set, or over the sources alone."""
    found = next(matrix for matrix in record["matrices"] if matrix["title"] == title)
    rows = found["rows"]
    values = [
        rows[source][column]
        for source in names
        for column in names
        if source == column or not diagonal
    ]
    return float(mean(values) / found["total"])


def _known_set(switches: dict[str, list[Record]]) -> str:
    """Return what is left of R2S when every image meets the worst attack on the known set."""
    if not switches:
        return "Of the second question nothing has been run yet."
    lines = [f"| tickets of | {' | '.join(READS)} | gain |", f"|{'---|' * (len(READS) + 2)}"]
    for panel, records in switches.items():
        cells = [_text([read(record) for record in records]) for read in READS.values()]
        said = ", ".join(dict.fromkeys(record["worst_case"]["gain"] for record in records))
        lines.append(f"| {panel} | {' | '.join(cells)} | {said} |")
    return "\n".join(lines)


def _together(by_kind: dict[str, dict[str, list[Record]]]) -> str:
    """Return what is left of tickets that were drawn beside each other."""
    ((panel, drawn),) = by_kind[TOGETHER].items()
    alone = by_kind[SWITCH][panel]
    lines = [f"| tickets drawn | {' | '.join(READS)} |", f"|{'---|' * (len(READS) + 1)}"]
    for name, records in {"alone": alone, "beside each other": drawn}.items():
        cells = [_text([read(record) for record in records]) for read in READS.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _share(counts: Record) -> float:
    """Return a fraction from counts, or from an expectation."""
    if "expected" in counts:
        return float(counts["expected"])
    return float(counts["correct"] / counts["total"])


def _text(values: Sequence[float]) -> str:
    """Return percent, with the spread over seeds."""
    spread = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * mean(values):.1f}{spread}"
