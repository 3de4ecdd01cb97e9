"""The table of all pages of measurements, with the question and the answer of each."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import benchmark_tables
import demo_tables
import r2s_tables
import result_tables
from benchmarks.rows import (
    AttacksRow,
    DrawRow,
    GrowthRow,
    PartsRow,
    SwitchingRow,
    TicketSizeRow,
    read_rows,
)

from scratchticket.base.accuracy import percent
from scratchticket.paper.comparison import Verdict
from scratchticket.paper.recipes import fewer_steps
from scratchticket.paper.recipes.fewer_steps import COST
from scratchticket.paper.recipes.searches import (
    AS_LONG,
    PAPER,
    PERCENTS,
    STRONG_AS_LONG,
)
from scratchticket.paper.report.found import Filled
from scratchticket.paper.study import ROBUST

Record = dict[str, Any]
Records = list[Record]
Studies = dict[str, Records]  # name of a study to its records
#: Rows of tickets that differ only in their ratio.
RATIO = re.compile(r"ticket, \d+ %")
DOCS = Path(__file__).parents[1] / "docs"


def overview(records: Records) -> str:
    """Return a table of the pages, each with its question and answer, in Markdown.

    Args:
        records: The records of all files, each with its study.
    """
    studies: Studies = defaultdict(list, result_tables.by_study(records))
    lines = ["| page and question | answer |", "|---|---|"]
    for page, (question, answer) in ROWS.items():
        title = (DOCS / f"{page}.md").read_text().splitlines()[0].removeprefix("# ")
        lines.append(f"| [{title}]({page}.md) <br> {question} | {answer(studies)} |")
    return "\n".join(lines) + "\n"


def _study(study: str, of: Studies, name: str = "") -> str:
    """Return the most robust ratio of a study, the dense network, and the counts of verdicts."""
    one = result_tables.found_study(of[study], name)
    several = len(one.scale.seeds)
    whole = [f for f in one.cells if f.cell.column == ROBUST and len(f.values) == several]
    robust = {f.cell.row: f for f in whole}
    tickets = {row: f for row, f in robust.items() if RATIO.fullmatch(row)}
    best, *rest = sorted(tickets, key=lambda row: -_mean(tickets[row]))
    near = [row for row in rest if _mean(tickets[best]) - _mean(tickets[row]) < 0.01]
    others = " %, ".join(row.removeprefix("ticket, ").removesuffix(" %") for row in near)
    close = f" ({others} % within a point of it)" if near else ""
    seeds = f"{several} seeds" if several > 1 else "one seed, which decides nothing"
    ratio, reached = best.removeprefix("ticket, "), tickets[best].text()
    return (
        f"The best of {len(tickets)} ratios is {ratio}{close}: {reached} % under PGD-20; "
        f"dense, trained: {robust['dense'].text()} % ({seeds}). "
        f"{_counted(result_tables.counted([one]))}"
    )


def _mean(filled: Filled) -> float:
    return filled.mean or 0.0


def _counted(verdicts: Counter[Verdict]) -> str:
    """Return how many claims have each verdict, in words."""
    said = [
        f"{verdicts[verdict]} {one if verdicts[verdict] == 1 else several}"
        for verdict, (one, several) in WORDS.items()
        if verdicts[verdict]
    ]
    return f"Of {verdicts.total()} claims {', '.join(said)}."


def _paper(scale: str, of: Studies) -> str:
    """Return how many of the paper's claims hold at a scale."""
    records = of[f"paper-{scale}"]
    verdicts = result_tables.verdicts(scale, records)
    return f"{_counted(verdicts)} ({len(records):,} jobs)"


def _attacked(study: str, of: Studies) -> str:
    """Return the worst-case accuracy of the most robust ticket and of the dense network."""
    one = result_tables.found_study(of[study])
    worst = {f.cell.row: f for f in one.cells if f.cell.column.startswith("worst case")}
    dense = worst.pop("dense")
    best = max(worst, key=lambda row: _mean(worst[row]))
    seeds = len(one.scale.seeds)
    return (
        f"In the worst case of all attacks the ticket of {best.removeprefix('ticket, ')} has "
        f"{worst[best].text()} %, the dense network {dense.text()} % "
        f"({dense.values[0].images} images, {seeds} seed{'s' * (seeds > 1)}). "
        f"{_counted(result_tables.counted([one]))}"
    )


def _r2s(of: Studies) -> str:
    """Return whether R2S is more robust than its best ticket."""
    records = [r for study, own in of.items() if study.startswith("paper-") for r in own]
    return r2s_tables.short(records)


def _draw_speed(of: Studies) -> str:
    """Return how many times faster a step is than the released code's, by precision."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for record in benchmark_tables.newest_draws(read_rows(DrawRow, of["draw"])):
        ratios[record.way.precision].append(record.ratio.median)
    return (
        "A step of a draw is "
        + " and ".join(
            f"{min(own):.1f} to {max(own):.1f} times as fast in {precision}"
            for precision, own in ratios.items()
        )
        + " as the released code's."
    )


def _attack_speed(of: Studies) -> str:
    """Return how many times faster attacks are than those of other libraries."""
    times: dict[str, list[float]] = defaultdict(list)
    for record in benchmark_tables.newest_attacks(read_rows(AttacksRow, of["attacks"])):
        for name, rival in benchmark_tables.ATTACKS:
            timed = benchmark_tables.timings(record, name)
            if timed and (ratio := timed[rival].ratio) is not None:
                times[rival].append(ratio.median)
    pgd = " and ".join(
        f"{min(times[rival]):.1f} to {max(times[rival]):.1f} times as fast as {name}"
        for rival, name in {"foolbox": "foolbox", "reference": "the released code"}.items()
    )
    (auto,) = times["pyautoattack"]
    return f"PGD-20 is {pgd}; AutoAttack is {auto:.2f} times as fast as its authors' code."


def _parts(of: Studies) -> str:
    """Return the speed-up of the selection of scores, and the time of a start."""
    record = read_rows(PartsRow, of["parts"])[-1]
    times, started = record.spread("select", "ratio").median, record.spread("help", "ours").median
    return (
        f"The highest of {record.count('select') / 1e6:.0f} million scores are selected "
        f"{times:.0f} times as fast as by sorting; `--help` takes {started:.2f} s."
    )


def _growth(of: Studies) -> str:
    """Return the exponents of time and of operations."""
    told = [
        f"{record.name} {record.exponent:.2f} ({record.of_operations:.2f})"
        for record in benchmark_tables.newest(read_rows(GrowthRow, of["growth"]), "name")
    ]
    return (
        "Time grows with a power of the size; the exponents (of operations in brackets) are "
        f"{', '.join(told)}."
    )


def _fewer(of: Studies) -> str:
    """Return the robust accuracy of the cheap search and of PGD-7's, and the cost, by panel."""
    told = []
    for study in ("fewer-steps-quick", "fewer-steps-cifar10-small"):
        one = result_tables.found_study(of[study])
        for panel, cells in one.panels.items():
            numbers = {(f.cell.row, f.cell.column): f for f in cells}
            first, shipped = cells[0].cell.row, fewer_steps.SHIPPED[panel]
            share = _mean(numbers[shipped, COST]) / _mean(numbers[first, COST])
            cheap, whole = (numbers[row, ROBUST].text() for row in (shipped, first))
            told.append(f"{cheap} % instead of {whole} % for {share:.2f} of the cost ({panel})")
    return f"`--preset fast` compared with PGD-7: {'; '.join(told)}."


def _searches(of: Studies) -> list[tuple[str, str, str]]:
    """Return data and ratio, and robust accuracy of the paper's and the strong search, as text."""
    found = []
    for data, study, row in (
        ("digits", "searches-quick", AS_LONG),
        ("CIFAR-10", "searches-small", STRONG_AS_LONG),
    ):
        one = result_tables.found_study(of[study])
        for ratio in PERCENTS:
            (panel,) = (name for name in one.panels if name.endswith(f"cifar10, {ratio} %"))
            numbers = {(f.cell.row, f.cell.column): f.text() for f in one.panels[panel] if f.values}
            theirs, ours = (numbers.get((name, ROBUST)) for name in (PAPER, row))
            if theirs and ours:
                found.append((f"{data}, {ratio} %", theirs, ours))
    return found


def _stronger(of: Studies) -> str:
    """Return the robust accuracy of the strong searches and of the paper's at the same cost."""
    told = [f"{ours} instead of {theirs} % ({where})" for where, theirs, ours in _searches(of)]
    return f"For as many operations, accuracy under PGD-20 is {'; '.join(told)}."


def results(records: Records) -> str:
    """Return the README's results: the demo's table, and the strong searches."""
    of = result_tables.by_study(records)
    lines = [
        "For as many operations (digits: 20 epochs of PGD-7; CIFAR-10: 16 of PGD-3 on 20,000",
        "images, epsilon 8/255), [a stronger search](docs/stronger-search.md) draws more robust",
        "tickets:",
        "",
        "| weights kept | paper's search, PGD-20 (%) | strong search, PGD-20 (%) |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in _searches(of)),
    ]
    return "\n".join([demo_tables.demo(of["demo"]), *lines, ""])


def _precision(of: Studies) -> str:
    """Return the robust accuracy of each precision, and the counts of verdicts."""
    one = result_tables.found_study(of["precision-quick"])
    told = [f"{f.cell.row} {f.text()} %" for f in one.cells if f.cell.column == ROBUST]
    return f"Under PGD-20: {'; '.join(told)}. {_counted(result_tables.counted([one]))}"


def _size(of: Studies) -> str:
    """Return the size of one ticket file, and how many times larger the checkpoint is."""
    size = next(
        r.bytes
        for r in reversed(read_rows(TicketSizeRow, of["ticket_size"]))
        if (r.network.name, r.network.width, r.ratio) == ("resnet18", 64, "0.1")
    )
    return (
        f"ResNet18 at 10 %: {size['file']:,} bytes, {size['released'] / size['file']:.0f} times "
        f"smaller than the released code's checkpoint; the code of the mask is "
        f"{percent(size['mask'] / size['entropy'] - 1):.1f} % longer than the mask's entropy."
    )


def _memory(of: Studies) -> str:
    """Return the memory of the largest switch, relative to a dense network's."""
    rows = read_rows(SwitchingRow, of["switching"])
    records = benchmark_tables.newest(rows, "network", "tickets")
    most = max(record.tickets for record in records)
    shares = [r.bytes["packed"] / r.bytes["dense"] for r in records if r.tickets == most]
    return (
        f"{most} tickets of a network take {min(shares):.2f} to {max(shares):.2f} times the memory "
        "of the dense network."
    )


def _nothing(_: Studies) -> str:
    return "The page is a list; nothing on it has been measured."


WORDS: dict[Verdict, tuple[str, str]] = {  # singular, plural
    "holds": ("holds", "hold"),
    "does not hold": ("does not hold", "do not hold"),
    "inconclusive": ("is inconclusive", "are inconclusive"),
    "not tested at this scale": ("was not tested", "were not tested"),
}
Answer = Callable[[Studies], str]
ROWS: dict[str, tuple[str, Answer]] = {  # page: question, answer
    "findings": (
        "Do robust scratch tickets exist, and at which ratios?",
        partial(_study, "digits-quick"),
    ),
    "findings-cifar10": (
        "Do robust scratch tickets exist on CIFAR-10?",
        partial(_study, "paper-small", name="cifar10"),
    ),
    "results-quick": (
        "Do the paper's tables and figures hold on digits?",
        partial(_paper, "quick"),
    ),
    "results-small": (
        "Do the paper's tables and figures hold on CIFAR-10?",
        partial(_paper, "small"),
    ),
    "attacks": (
        "Do tickets resist attacks that they were not drawn with?",
        partial(_attacked, "attacks-quick"),
    ),
    "attacks-cifar10": (
        "Do tickets resist such attacks on CIFAR-10?",
        partial(_attacked, "attacks-small"),
    ),
    "r2s-findings": ("Does a random switch between tickets (R2S) add robustness?", _r2s),
    "fewer-steps": ("Does a search need PGD-7?", _fewer),
    "stronger-search": ("Is there a better search than the paper's?", _stronger),
    "precision": ("Do bfloat16 and `torch.compile` cost robustness?", _precision),
    "ticket-size": ("How small is a ticket's file?", _size),
    "switching": ("What does a switch cost in memory?", _memory),
    "draw-speed": ("How fast is a draw, compared with the released code?", _draw_speed),
    "attack-speed": ("How fast are attacks, compared with other libraries?", _attack_speed),
    "part-speed": ("How fast are the selection of scores and start-up?", _parts),
    "cost-growth": ("How does time grow with size?", _growth),
    "gpu-queue": ("What is still to be measured on a GPU?", _nothing),
}
