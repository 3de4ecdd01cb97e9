"""The tables and the picture of the page on R2S, from the records of a sweep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean, stdev
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from result_tables import sized

from pictures import whiskers
from scratchticket.attacks import Attack, Method
from scratchticket.attacks.set_gradient import SetPGD
from scratchticket.base.accuracy import percent
from scratchticket.base.record import SwitchRecord, TransferRecord, read_record
from scratchticket.evaluation.transfer import SET as ON_SET
from scratchticket.paper import Scale
from scratchticket.paper.cells import Measured, row_of, worst_of
from scratchticket.paper.comparison import Comparison
from scratchticket.paper.comparison import compare as judged
from scratchticket.paper.parts import (
    CIFAR,
    RELEASED,
    SET,
    WHOLE_SEARCH,
    percent_name,
)
from scratchticket.paper.parts import panel as panel_of
from scratchticket.paper.recipes.r2s import PGD, dense_cells
from scratchticket.pictures.figures import FAINT, INK, MARKERS, NATURAL, ROBUST, SINGLE, STYLE, svg

Line = dict[str, Any]  # one line of a file of records
Read = Callable[[SwitchRecord], float]
TRANSFER, SWITCH, TOGETHER = "transfer between tickets", "R2S", "R2S beside"  # labels of jobs
SAMPLES = (1, 5, 10, 20)  # networks that EOT draws in each step
STUDIES = {"paper-quick": "quick", "paper-small": "small"}  # study: scale
SHOWN = {"quick": "digits of 8x8 pixels", "small": "CIFAR-10"}  # scale: images


@dataclass(frozen=True)
class _Panel:
    """The results of the tickets of one network and data set; lists have one entry per seed.

    Attributes:
        scale: Scale of the runs.
        name: Network and data of the paper: ``resnet18 / cifar10``.
        matrices: Transfer matrices between the tickets.
        dense: Accuracy of the dense network under PGD-20, on the images of the matrices.
        switches: Evaluations of R2S against attackers who know the set.
        together: The same for tickets drawn for a switch; not for every seed.
    """

    scale: Scale
    name: str
    matrices: list[TransferRecord]
    dense: list[float]
    switches: list[SwitchRecord]
    together: list[SwitchRecord]

    @property
    def title(self) -> str:
        """Network and data that were run: ``WideResNet-10-2 on digits``."""
        return self.scale.our_name(self.name)

    @property
    def near(self) -> str:
        """The epsilon that stands for 8/255."""
        return self.scale.epsilon(8)

    def mean(self, kind: Method, *, diagonal: bool = False) -> list[float]:
        """Return the mean accuracy over all pairs of R2S's tickets, for each seed.

        Args:
            kind: Method of the attack.
            diagonal: Whether to average only over attacks on each ticket itself.
        """
        names = [percent_name(percent) for percent in self.scale.restricted(SET)]
        means = []
        for record in self.matrices:
            found = row_of(record.matrices, Attack(kind, self.near))
            cells = [(s, c) for s in names for c in names if s == c or not diagonal]
            values = [found.rows[source][column] for source, column in cells]
            means.append(float(mean(values) / found.total))
        return means


def _bound(record: SwitchRecord) -> float:
    """Return the accuracy of each ticket under its strongest own attack, averaged over tickets.

    Records have no counts for all own attacks together. So the bound is a little too high, and the
    check against it a little too strict.
    """
    worst = worst_of(record)
    ball = (worst.norm, worst.epsilon)
    inside = [row for row in record.attacks if (row.norm, row.epsilon) == ball]

    def left(name: str) -> float:
        return min(row.each[name].fraction for row in inside if row.source == name)

    return sum(member.probability * left(member.name) for member in record.members)


def _dense(record: SwitchRecord) -> float:
    """Return the accuracy of the dense network in the worst case."""
    assert record.dense is not None
    return worst_of(record.dense).fraction


READS: dict[str, Read] = {  # numbers of a switch, with the strongest attack on each image
    "R2S": lambda r: worst_of(r).fraction,
    "its best ticket": lambda r: worst_of(r).best_member.fraction,
    "lower bound": _bound,
    "best probabilities": lambda r: r.game.value,
    "all tickets right": lambda r: worst_of(r).all_right.fraction,
    "dense": _dense,
}


OVER = {"its best ticket": "R2S above its best ticket", "dense": "R2S above dense"}


def answers(records: list[Line]) -> str:
    """Return the tables and the sentences that follow from them, in Markdown.

    Args:
        records: As ``scratchticket report --export`` writes them, each with its study.
    """
    panels = list(_panels(records))
    switched = [panel for panel in panels if panel.switches]
    parts = {
        "The paper's protocol, and its early stop": _early_stop(panels),
        "Attackers who know the set": _known_set(switched),
        "Two assumptions": _assumptions(switched),
    }
    parts |= {
        f"Tickets drawn for a switch, {panel.title}": _together(panel)
        for panel in panels
        if panel.together
    }
    names = "; ".join(f"{panel.title} ({panel.name})" for panel in panels)
    tables = [
        f"**{number}. {name}**\n\n{table}" for number, (name, table) in enumerate(parts.items(), 1)
    ]
    return (
        "\n\n".join([f"Networks and data, with the paper's in brackets: {names}.", *tables]) + "\n"
    )


def short(records: list[Line]) -> str:
    """Return, in a sentence, whether R2S is more robust than its best ticket."""
    panels = [panel for panel in _panels(records) if panel.switches]
    every = [record for panel in panels for record in panel.switches]
    holds = {
        other: [_gain(panel, other).verdict for panel in panels].count("holds") for other in OVER
    }
    own, dense = holds["its best ticket"], holds["dense"]
    return (
        f"{'In part' if own else 'No gain was shown'}: against an attacker who knows all tickets, "
        f"R2S is shown to be more robust than its own best ticket for {own} of {len(panels)} sets, "
        f"and more robust than the dense network for {dense}. Of {len(every)} switches, "
        f"{_above(every, 'its best ticket')} have a higher accuracy than their best ticket, and "
        f"{_above(every, 'dense')} a higher one than the dense network."
    )


def _above(switches: list[SwitchRecord], other: str) -> int:
    """Return in how many switches R2S lies above another entry of ``READS``."""
    return sum(READS["R2S"](record) > READS[other](record) for record in switches)


@mpl.rc_context(STYLE)
def compared(records: list[Line]) -> str:
    """Draw the accuracy of one ticket, of R2S under three attackers, and of the alternatives.

    Returns:
        SVG text.
    """
    by_scale: dict[str, list[_Panel]] = defaultdict(list)
    for panel in _panels(records):
        if panel.switches:
            by_scale[panel.scale.name].append(panel)
    figure = Figure(figsize=(8.5, 4.2), layout="constrained")
    sides = figure.subplots(
        1, len(by_scale), width_ratios=[len(some) for some in by_scale.values()], squeeze=False
    )[0]
    for axes, panels in zip(sides, by_scale.values(), strict=True):
        _side(axes, panels)
    sides[0].set(ylabel="robust accuracy (%)")
    lines, names = sides[0].get_legend_handles_labels()
    figure.legend(lines, names, frameon=False, fontsize=8, loc="outside lower center", ncols=3)
    return svg(figure)


def _side(axes: Axes, panels: list[_Panel]) -> None:
    """Draw the panels of a scale."""
    of_switch = {
        "R2S, attacker knows the set": READS["R2S"],
        "its best ticket, the same attacks": READS["its best ticket"],
        "dense network, as many attacks": READS["dense"],
    }
    heights: dict[str, Callable[[_Panel], list[float]]] = {
        "one ticket, PGD-20 on it": lambda panel: panel.mean(RELEASED, diagonal=True),
        "R2S, the paper's protocol": lambda panel: panel.mean(RELEASED),
        "R2S, attack run to the end": lambda panel: panel.mean(WHOLE_SEARCH),
    }
    for name, read in of_switch.items():
        heights[name] = partial(_read, read)
    colours = (FAINT, NATURAL, SINGLE, ROBUST, "#b8860b", INK)
    for place, (name, height) in enumerate(heights.items()):
        values = [[percent(value) for value in height(panel)] for panel in panels]
        middle, errors = whiskers(values)
        where = [number + (place - 2.5) * 0.14 for number in range(len(panels))]
        axes.errorbar(
            where, middle, yerr=errors, fmt=MARKERS[place], color=colours[place], label=name
        )
    here = [panel.scale.substitutes_in(panel.name).replace(", ", "\n") for panel in panels]
    axes.set_xticks(range(len(panels)), here, fontsize=8)
    axes.set_xlim(-0.5, len(panels) - 0.5)
    axes.set_title(SHOWN[panels[0].scale.name], fontsize=9)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def _read(read: Read, panel: _Panel) -> list[float]:
    """Return one number for each switch of a panel."""
    return [read(record) for record in panel.switches]


def _panels(records: list[Line]) -> Iterator[_Panel]:
    """Yield the results, by scale and panel."""
    for study, name in STUDIES.items():
        of_scale = [record for record in records if record["study"].startswith(study)]
        scale = sized(name, of_scale)
        known = {line["id"]: read_record(line["record"], study) for line in of_scale}
        found: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for record in of_scale:
            what, _, panel = record["job"]["label"].partition(", ")
            if what in {TRANSFER, SWITCH, TOGETHER}:
                found[panel][what].append(known[record["id"]])
        for network, data in CIFAR:
            of = found[panel_of(network, data)]
            cell = next(c for c in dense_cells(scale, network, data) if c.column == PGD)
            dense = [cell.read(known[job.id]).value for job in cell.jobs if job.id in known]
            if of[TRANSFER] and dense:
                yield _Panel(scale, cell.panel, of[TRANSFER], dense, of[SWITCH], of[TOGETHER])


def _early_stop(panels: list[_Panel]) -> str:
    """Return how much of the gain in the matrices is due to the early stop of attacks."""
    lines = [
        "| network and data | dense | one ticket | R2S, attack stopped early "
        "| R2S, attack run to the end | share of the gain over one ticket due to the early stop |",
        "|---|---|---|---|---|---|",
    ]
    shares, over_dense = [], []
    for panel in panels:
        alone, mixed, alone_whole, mixed_whole = (
            panel.mean(kind, diagonal=diagonal)
            for kind in (RELEASED, WHOLE_SEARCH)
            for diagonal in (True, False)
        )
        left = (mean(mixed_whole) - mean(alone_whole)) / (mean(mixed) - mean(alone))
        shares.append(percent(1 - left))
        over_dense.append([percent(mean(r2s) - mean(panel.dense)) for r2s in (mixed, mixed_whole)])
        cells = [_text(values) for values in (panel.dense, alone, mixed, mixed_whole)]
        lines.append(f"| {panel.title} | {' | '.join(cells)} | {shares[-1]:.0f} % |")
    gains, left_gains = (
        ", ".join(f"{g:+.1f}" for g in some) for some in zip(*over_dense, strict=True)
    )
    said = (
        f"In the paper's protocol, between {min(shares):.0f} and {max(shares):.0f} % of the gain "
        "of switching over a single ticket is due to the early stop. The gain over the dense "
        f"network is {gains} points in the order of the table, and {left_gains} when the attack "
        "runs to its end; in the paper it is 13.5 points and more."
    )
    return "\n".join(lines) + f"\n\n{said}"


def _known_set(panels: list[_Panel]) -> str:
    """Return tables of R2S under the strongest attacks of an attacker who knows the set."""
    heads = ["network and data", "images", *READS]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    heads = ["network and data", *OVER.values()]
    differences = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for panel in panels:
        cells = [_text(_read(read, panel)) for read in READS.values()]
        images = panel.switches[0].natural.total
        lines.append(f"| {panel.title} | {images} | {' | '.join(cells)} |")
        gains = [_gain(panel, other) for other in OVER]
        said = [f"{gain.text()}: {gain.verdict}" for gain in gains]
        differences.append(f"| {panel.title} | {' | '.join(said)} |")
    every = [record for panel in panels for record in panel.switches]
    above = partial(_above, every)
    found = {other: [_gain(panel, other).verdict for panel in panels] for other in OVER}
    verdicts = "; ".join(
        f"the claim that R2S lies above {other.replace('dense', 'the dense network')} holds for "
        f"{told.count('holds')} of the {len(told)} sets, does not hold for "
        f"{told.count('does not hold')} and is inconclusive for {told.count('inconclusive')}"
        for other, told in found.items()
    )
    above_bound = [READS["R2S"](r) - _bound(r) for r in every]
    furthest = max(READS["best probabilities"](r) - READS["its best ticket"](r) for r in every)
    return "\n".join([*lines, "", *differences]) + (
        f"\n\nR2S lies above its best ticket in {above('its best ticket')} of {len(every)} "
        f"switches and above the dense network in {above('dense')}. By the rule of verdicts, "
        f"{verdicts}. The best probabilities a defender can choose are worth at most "
        f"{percent(furthest):.1f} points more than the best ticket alone. R2S lies below its lower "
        f"bound in {sum(points < 0 for points in above_bound)} switches; the smallest difference "
        f"between R2S and the bound is {percent(min(above_bound)):.1f} points."
    )


def _gain(panel: _Panel, other: str) -> Comparison:
    """Compare R2S with another entry of ``READS``, by the rule of verdicts."""

    def measured(name: str) -> list[Measured]:
        values = _read(READS[name], panel)
        totals = [worst_of(record).total for record in panel.switches]
        return [Measured(v, n, s) for s, (v, n) in enumerate(zip(values, totals, strict=True))]

    return judged(">", [(measured("R2S"), measured(other))])


def _assumptions(panels: list[_Panel]) -> str:
    """Return a table of how alike the matrix's rows are, and of how many draws EOT needs."""
    drawn = [f"EOT, {count} draw{'s' * (count > 1)}" for count in SAMPLES]
    heads = ["network and data", "means of the rows", *drawn, "EOT, exact"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for panel in panels:
        attacks = [Attack(SetPGD(20, samples=count), panel.near) for count in (*SAMPLES, None)]
        by_source: list[float] = []
        under: dict[Attack, list[float]] = defaultdict(list)
        for record in panel.switches:
            by_source += row_of(record.protocol, Attack(RELEASED, panel.near)).by_source.values()
            for row in record.attacks:
                known = (attack for attack in attacks if attack.matches(dict(row)))
                if row.source == ON_SET and (attack := next(known, None)) is not None:
                    under[attack].append(row.expected)
        cells = [_text(under[attack]) if attack in under else "" for attack in attacks]
        spread = f"{percent(min(by_source)):.1f} to {percent(max(by_source)):.1f}"
        lines.append(f"| {panel.title} | {spread} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _together(panel: _Panel) -> str:
    """Return a table that compares tickets drawn for a switch with tickets drawn alone."""
    known = {_first(record): record for record in panel.switches}
    alone = [known[_first(record)] for record in panel.together]
    reads = {name: read for name, read in READS.items() if name != "dense"}
    lines = [f"| tickets drawn | {' | '.join(reads)} |", f"|{'---|' * (len(reads) + 1)}"]
    for name, records in {"alone": alone, "for a switch": panel.together}.items():
        cells = [_text([read(record) for record in records]) for read in reads.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _first(record: SwitchRecord) -> str:
    """Return the SHA-256 of a switch's first ticket, which is drawn alone in both cases."""
    content: str = next(iter(record.plan["networks"].values()))["sha256"]
    return content


def _text(values: Sequence[float]) -> str:
    """Return the mean in percent, with the standard deviation over seeds."""
    spread = f" ± {percent(stdev(values)):.1f}" if len(values) > 1 else ""
    return f"{percent(mean(values)):.1f}{spread}"
