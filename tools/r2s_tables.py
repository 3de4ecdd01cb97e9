"""The page on what R2S is worth, from the records of a sweep."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import mean, stdev
from typing import Any

from matplotlib.figure import Figure
from pictures import whiskers

from scratchticket.experiments.figures import MARKERS, svg
from scratchticket.experiments.recipes import SCALES
from scratchticket.experiments.recipes.cells import robust
from scratchticket.experiments.recipes.figure7 import FULL
from scratchticket.experiments.recipes.parts import RELEASED, SET, percent_name
from scratchticket.experiments.recipes.parts import panel as panel_of

Record = dict[str, Any]
Read = Callable[[Record], float]
TRANSFER, SWITCH, TOGETHER = "transfer between tickets", "R2S", "R2S beside"  # labels of jobs
_DENSE_LABEL = re.compile(r"dense (\w+), adversarially trained, (\w+)")
SAMPLES = (1, 5, 10, 20)  # networks that EOT draws for a step


def _bound(record: Record) -> float:
    """Return what each ticket's strongest own attack leaves of it, on average.

    Of single attacks, not of all together, for which records have no counts: a little more is left
    than should be, so that the check against it is a little too strict.
    """
    worst, total = record["worst_case"], record["natural"]["total"]
    ball = (worst["norm"], worst["epsilon"])
    inside = [a for a in record["attacks"] if (a["norm"], a["epsilon"]) == ball]

    def left(name: str) -> float:
        own = [a["each"][name]["correct"] for a in inside if a["source"] == name]
        return float(min(own) / total)

    return sum(float(m["probability"]) * left(m["name"]) for m in record["members"])


READS: dict[str, Read] = {  # of a switch, every image under the worst that was found for it
    "R2S": lambda r: r["worst_case"]["expected"],
    "its best ticket": lambda r: _share(r["worst_case"]["best_member"]),
    "bound": _bound,
    "game": lambda r: r["game"]["value"],
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
    near = SCALES[scale].epsilon(8)
    dense = _dense([r for r in records if _epsilon(r) == near])
    parts = [
        _early_stop(scale, names, by_kind[TRANSFER], dense),
        _known_set(scale, by_kind[SWITCH]),
        _assumptions(scale, by_kind[SWITCH]),
    ]
    if TOGETHER in by_kind:
        parts.append(_together(by_kind))
    return "\n\n".join(part for part in parts if part) + "\n"


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


def _epsilon(record: Record) -> str | None:
    """Return the epsilon that a run was made at."""
    epsilon: str | None = record["job"]["settings"].get("attack", {}).get("epsilon")
    return epsilon


def _dense(runs: list[Record]) -> dict[str, list[Record]]:
    """Return the records of adversarially trained dense networks, by panel."""
    found: dict[str, list[Record]] = defaultdict(list)
    for run in runs:
        if named := _DENSE_LABEL.fullmatch(run["job"]["label"]):
            found[panel_of(*named.groups())].append(run["record"])
    return found


def _names(scale: str) -> list[str]:
    """Return what the tickets of the set are called."""
    return [percent_name(percent) for percent in SCALES[scale].some(SET)]


def _titled(scale: str, panel: str) -> str:
    """Return the paper's name of a panel, and what stands for it."""
    return f"{panel} (here {SCALES[scale].called(panel)})"


def _early_stop(
    scale: str,
    names: list[str],
    matrices: dict[str, list[Record]],
    dense: dict[str, list[Record]],
) -> str:
    """Return how much of the matrices' gain goes when the search is not stopped."""
    if not matrices:
        return "Of the first question nothing has been run yet."
    near = SCALES[scale].epsilon(8)
    stopped, whole = RELEASED.format(near), FULL.format(near)
    lines = [
        "| tickets of | dense | one ticket | R2S, search stopped | R2S, search to the end "
        "| share of the gain over one ticket that is the early stop |",
        "|---|---|---|---|---|---|",
    ]
    shares, over_dense = [], []
    for panel, records in matrices.items():
        alone, mixed, alone_whole, mixed_whole = (
            [_mean(r, title, names, diagonal=diagonal) for r in records]
            for title in (stopped, whole)
            for diagonal in (True, False)
        )
        trained = [robust(record).value for record in dense[panel]]
        left = (mean(mixed_whole) - mean(alone_whole)) / (mean(mixed) - mean(alone))
        shares.append(100 * (1 - left))
        over_dense.append([100 * (mean(r2s) - mean(trained)) for r2s in (mixed, mixed_whole)])
        cells = [_text(values) for values in (trained, alone, mixed, mixed_whole)]
        lines.append(f"| {_titled(scale, panel)} | {' | '.join(cells)} | {shares[-1]:.0f} % |")
    gains, left_gains = (
        ", ".join(f"{g:+.1f}" for g in some) for some in zip(*over_dense, strict=True)
    )
    said = (
        f"Between {min(shares):.0f} and {max(shares):.0f} % of what switching gains in the paper's "
        f"protocol over one of its tickets is the early stop. Over the dense network the gain is "
        f"{gains} points in the order of the table, and {left_gains} when the search goes on to "
        "its end; in the paper it is 13.5 and more."
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


def _known_set(scale: str, switches: dict[str, list[Record]]) -> str:
    """Return what is left of R2S when every image meets the worst attack on the known set."""
    if not switches:
        return "Of the second question nothing has been run yet."
    lines = [f"| tickets of | {' | '.join(READS)} | gain |", f"|{'---|' * (len(READS) + 2)}"]
    for panel, records in switches.items():
        cells = [_text([read(record) for record in records]) for read in READS.values()]
        said = ", ".join(dict.fromkeys(record["worst_case"]["gain"] for record in records))
        lines.append(f"| {_titled(scale, panel)} | {' | '.join(cells)} | {said} |")
    every = [record for records in switches.values() for record in records]
    images = ", ".join(f"{count}" for count in {record["natural"]["total"] for record in every})

    def above(other: str) -> int:
        return sum(READS["R2S"](record) > READS[other](record) for record in every)

    apart = sum(
        "gain" in {r["worst_case"]["gain"], r["worst_case"]["gain_over_dense"]} for r in every
    )
    lost = sum(r["worst_case"]["gain_over_dense"] == "loss" for r in every)
    above_bound = [READS["R2S"](r) - _bound(r) for r in every]
    furthest = max(READS["game"](r) - READS["its best ticket"](r) for r in every)
    return "\n".join(lines) + (
        f"\n\n{len(every)} switches, {images} images each. R2S lies above its best ticket in "
        f"{above('its best ticket')} of them, above the dense network in {above('dense')}; beyond "
        f"the 95 % intervals of so few images it lies above either in {apart}, below the dense "
        f"network in {lost}. The best probabilities a defender can choose are worth at most "
        f"{100 * furthest:.1f} points more than the best ticket alone. R2S lies below its "
        f"bound in {sum(points < 0 for points in above_bound)} of them, "
        f"{100 * min(above_bound):+.1f} points from it at least."
    )


def _assumptions(scale: str, switches: dict[str, list[Record]]) -> str:
    """Return whether rows of the matrix are alike, and how many draws EOT needs."""
    near = SCALES[scale].epsilon(8)
    exact = f"eot-pgd-20, linf, {near}, on the set"
    titles = [f"eot-of-{count}-pgd-20, linf, {near}, on the set" for count in SAMPLES]
    drawn = " | ".join(f"EOT of {count}" for count in SAMPLES)
    lines = [f"| tickets of | means of the rows | {drawn} | exact |", f"|{'---|' * 7}"]
    for panel, records in switches.items():
        by_source = [value for r in records for value in _matrix(r, near)["by_source"].values()]
        under: dict[str, list[float]] = defaultdict(list)
        for record in records:
            for attack in record["attacks"]:
                under[attack["title"]].append(attack["expected"])
        cells = [_text(under[title]) if title in under else "" for title in (*titles, exact)]
        spread = f"{100 * min(by_source):.1f} to {100 * max(by_source):.1f}"
        lines.append(f"| {_titled(scale, panel)} | {spread} | {' | '.join(cells)} |")
    return "\n".join(lines) if switches else ""


def _matrix(record: Record, near: str) -> Record:
    """Return the matrix of the paper's protocol."""
    found: Record = next(m for m in record["protocol"] if m["title"] == RELEASED.format(near))
    return found


def _together(by_kind: dict[str, dict[str, list[Record]]]) -> str:
    """Return what is left of tickets drawn beside each other, and of those drawn alone instead."""
    ((panel, drawn),) = by_kind[TOGETHER].items()
    known = {_first(record): record for record in by_kind[SWITCH][panel]}
    alone = [known[_first(record)] for record in drawn]
    reads = {name: read for name, read in READS.items() if name != "dense"}
    lines = [f"| tickets drawn | {' | '.join(reads)} |", f"|{'---|' * (len(reads) + 1)}"]
    for name, records in {"alone": alone, "beside each other": drawn}.items():
        cells = [_text([read(record) for record in records]) for read in reads.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _first(record: Record) -> str:
    """Return the content of a switch's first ticket, which is drawn alone in either case."""
    content: str = next(iter(record["plan"]["networks"].values()))["sha256"]
    return content


def _share(counts: Record) -> float:
    """Return a fraction from counts, or from an expectation."""
    if "expected" in counts:
        return float(counts["expected"])
    return float(counts["correct"] / counts["total"])


def _text(values: Sequence[float]) -> str:
    """Return percent, with the spread over seeds."""
    spread = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * mean(values):.1f}{spread}"
