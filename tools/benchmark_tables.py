"""The tables of the pages on benchmarks."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path

from scratchticket.base.accuracy import percent

sys.path.append(str(Path(__file__).parents[1]))  # where the folder benchmarks lies
from benchmarks.rows import (
    AttacksRow,
    BusyRow,
    DrawRow,
    ExportRow,
    GrowthRow,
    PartsRow,
    PhotographsRow,
    R,
    Row,
    Spread,
    SwitchingRow,
    TicketSizeRow,
    Timing,
)

RIVAL = {"reference": "released procedure"}
ATTACKS = (("pgd", "foolbox"), ("pgd", "reference"), ("autoattack", "pyautoattack"))
RIVALS = ("released", "zstd")  # what a ticket's file is compared with


def ticket_size(records: Sequence[TicketSizeRow]) -> str:
    """Return the tables of file sizes and loading times, in Markdown."""
    records = newest(records, "mask", "weights.total", "network.name", "ratio")
    records.sort(key=lambda r: (r.mask == "drawn", r.weights.total, r.network.name, float(r.ratio)))
    sizes, others, times = [], [], []
    for record in records:
        network, size = record.network, record.bytes
        label = (
            f"| {network.name}, width {network.width}"
            f" | {percent(float(record.ratio)):g} | {record.mask} |"
        )
        over = percent(size["mask"] / size["entropy"] - 1)
        columns = [f"{size[name]:,.0f}" for name in ("entropy", "mask")]
        columns += [f"{over:+.2f}"]
        columns += [f"{size[name]:,}" for name in ("statistics", "header", "file")]
        sizes.append(f"{label} {' | '.join(columns)} |")
        columns = [f"{size['file']:,}"]
        columns += [f"{size[name]:,} ({size[name] / size['file']:.3g}x)" for name in RIVALS]
        others.append(f"{label} {' | '.join(columns)} |")
        columns = [milliseconds(record.seconds[name]) for name in ("ticket", *RIVALS)]
        times.append(f"{label} {' | '.join(columns)} |")
    loads = [record.machine.load_before for record in records]
    ((passes, torch),) = {(record.passes, record.versions["torch"]) for record in records}
    machines = {(record.machine.threads or 1, record.machine.device) for record in records}
    places = [f"{plural(threads, 'thread')} of {device}" for threads, device in sorted(machines)]
    return f"""\
| network | kept (%) | mask | entropy | code of the mask | over entropy (%) | statistics | header \
| ticket file |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(sizes)}

Sizes in bytes.

| network | kept (%) | mask | ticket file | released checkpoint | dense, zstd |
|---|---|---|---|---|---|
{chr(10).join(others)}

Sizes in bytes; in brackets: the ratio to the size of the ticket file.

| network | kept (%) | mask | ticket (ms) | released checkpoint (ms) | dense, zstd (ms) |
|---|---|---|---|---|---|
{chr(10).join(times)}

Time to load: median (least to most) of {passes} measurements, with {" or ".join(places)}, PyTorch
{torch}. The machine was shared: when the measurement of a row began, the load average over one
minute, which includes this benchmark, lay between {min(loads):.1f} and {max(loads):.1f}.
"""


def switching(records: Sequence[SwitchingRow]) -> str:
    """Return the table of memory and time of a switch, in Markdown."""
    memory, times = [], []
    records = newest(records, "network", "tickets")
    for record in records:
        size, seconds = record.bytes, record.seconds
        megabytes = [
            f"{size[name] / 2**20:.1f} ({size[name] / size['dense']:.2f}x)"
            for name in ("packed", "resident")
        ]
        forward = seconds["forward"].median
        columns = [milliseconds(seconds[name]) for name in ("forward", "switch", "copy")]
        columns += [f"{percent(seconds[name].median, forward):.2g}" for name in ("switch", "draw")]
        label = f"| {record.network} | {record.tickets} |"
        memory.append(f"{label} {' | '.join(megabytes)} |")
        times.append(f"{label} {' | '.join(columns)} |")
    machine = records[0].machine
    return f"""\
| network | tickets | packed (MiB) | resident (MiB) |
|---|---|---|---|
{chr(10).join(memory)}

In brackets: the ratio to the memory of one dense network.

| network | tickets | forward, one image (ms) | switch, packed (ms) | copy (ms) \
| switch, packed (% of a forward) | switch, resident (% of a forward) |
|---|---|---|---|---|---|---|
{chr(10).join(times)}

Median (least to most), with
{plural(machine.threads or 1, "thread")} of {machine.device}; the machine was shared.
"""


def export(records: Sequence[ExportRow]) -> str:
    """Return the table of exported tickets, in Markdown."""
    lines = []
    records = newest(records, "network", "width")
    for record in records:
        dense = {batch: taken["dense"].median for batch, taken in record.seconds.items()}
        for name, size in record.bytes.items():
            columns = [
                f"{milliseconds(taken[name])} ({taken[name].median / dense[batch]:.2f}x)"
                for batch, taken in record.seconds.items()
            ]
            lines.append(f"| width {record.width}, {name} | {size:,} | {' | '.join(columns)} |")
    batches = [f"{plural(int(batch), 'image')} (ms)" for batch in records[0].seconds]
    version = records[0].versions["onnxruntime"]
    return f"""\
| {records[0].network} of 32x32 | bytes | {" | ".join(batches)} |
|---|---|{"---|" * len(batches)}
{chr(10).join(lines)}

Times of a forward pass: median (least to most) of repeated measurements, and the ratio to the dense
network's median. With onnxruntime {version} and {where(records)}.
"""


def milliseconds(times: Spread) -> str:
    """Return median (least–most), in milliseconds."""
    return interval(times, 1e3)


def interval(times: Spread, unit: float = 1.0) -> str:
    """Return median (least–most): three significant digits of the median, all with its decimals."""
    median, least, most = (
        digits(unit * value, unit * times.median) for value in (times.median, times.min, times.max)
    )
    return f"{median} ({least}–{most})"


def digits(value: float, like: float | None = None) -> str:
    """Return a number with the decimals that give ``like`` (or itself) three significant digits."""
    places = max(0, 2 - math.floor(math.log10(like or value)))
    return f"{value:,.{places}f}"


def many_times(ratio: Spread) -> str:
    """Return how many times faster: median (least–most)."""
    middle, least, most = (
        f"{value:.1f}" if value >= 1 else f"{value:.2g}"
        for value in (ratio.median, ratio.min, ratio.max)
    )
    return f"{middle} ({least}–{most})"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural except for 1."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def attacks(records: Sequence[AttacksRow]) -> str:
    """Return the tables of times, accuracies and memory of attacks, in Markdown."""
    times, accuracies, memory = [], [], []
    records = newest_attacks(records)
    for record in records:
        label = f"| {record.network}, width {record.width}, {record.data}"
        whole = record.autoattack_limit
        passes = {
            "pgd": f"{digits(record.pgd_limit)} | {percent(record.pgd_passes):.0f}",
            "autoattack": f"{'' if whole is None else digits(whole)} |",
        }
        for name, rival in ATTACKS:
            if not (timed := timings(record, name)):
                continue
            ours, theirs = timed["scratchticket"], timed[rival]
            assert theirs.ratio is not None, "the row is from an earlier version, without ratios"
            attack = "PGD-20" if name == "pgd" else "AutoAttack"
            beginning = f"{label} | {attack} | {RIVAL.get(rival, rival)}"
            times.append(
                f"{beginning} | {interval(ours)} | {interval(theirs)} "
                f"| {many_times(theirs.ratio)} | {passes[name]} |"
            )
            accuracies.append(
                f"{beginning} | {record.epsilon} | {record.images[name]:,} "
                f"| {percent(ours.accuracy):.1f} | {percent(theirs.accuracy):.1f} |"
            )
        sizes = " | ".join(
            f"{int(n):,}: {size / 2**20:,.0f} MiB" for n, size in record.peak_bytes.items()
        )
        memory.append(f"{label} | {sizes} |")
    return f"""\
| network | attack | compared with | ours (s) | theirs (s) | times faster \
| time of our passes alone (s) | our passes (% of theirs) |
|---|---|---|---|---|---|---|---|
{chr(10).join(times)}

Seconds for 1,000 images: median (least to most) of repeated measurements, with
{where(records)}. AutoAttack is the standard version with
{" or ".join(sorted({f"{r.queries:,}" for r in records}))} queries of Square.

{_stages(records)}\
| network | attack | compared with | epsilon | images | robust accuracy, ours (%) | theirs (%) |
|---|---|---|---|---|---|---|
{chr(10).join(accuracies)}

| network | images: peak memory of PGD-20 | ten times as many images: peak memory |
|---|---|---|
{chr(10).join(memory)}
"""


def _stages(records: Sequence[AttacksRow]) -> str:
    """Return a table of AutoAttack's attacks and of single passes; empty if not measured."""
    rows = [record for record in records if record.autoattack_stages and record.pass_speedups]
    if not rows:
        return ""
    stages, passes = list(rows[0].autoattack_stages), list(rows[0].pass_speedups)
    columns = [*(f"{name} (s)" for name in stages), *(f"pass, {name}" for name in passes)]
    lines = [f"| network | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for row in rows:
        seconds = [digits(row.autoattack_stages[name]) for name in stages]
        times = [many_times(row.pass_speedups[name]) for name in passes]
        label = f"{row.network}, width {row.width}, {row.data}"
        lines.append(f"| {' | '.join([label, *seconds, *times])} |")
    told = (
        "Seconds of AutoAttack's four attacks for 1,000 images, by ours; and how many times\n"
        "faster a single pass is than one of the network as PyTorch makes it."
    )
    return "\n".join([*lines, "", told, "", ""])


def timings(record: AttacksRow, attack: str) -> dict[str, Timing]:
    """Return the timings of PGD or AutoAttack by package; empty if it was not run."""
    return record.pgd if attack == "pgd" else record.autoattack or {}


def draw(records: Sequence[DrawRow]) -> str:
    """Return the tables of how long a step of a draw takes, in Markdown."""
    ways = newest_draws(records)
    ways.sort(key=lambda r: (r.way.precision != "float32", way_of(r), r.operations))
    steps, limits = [], []
    for record in ways:
        label = f"{step_of(record)} {way_of(record)} |"
        ours, theirs = (interval(record.seconds[who]) for who in ("ours", "reference"))
        steps.append(f"{label} {ours} | {theirs} | {many_times(record.ratio)} |")
        sizes = [record.peak_bytes[who] / 2**20 for who in ("ours", "reference")]
        limits.append(
            f"{label} {record.operations / 1e9:,.0f} | {record.product_rate / 1e9:.0f} "
            f"| {percent(record.share):.0f} | {sizes[0]:,.0f} | {sizes[1]:,.0f} |"
        )
    splits = []  # the reference has only one way to compute
    for record in sorted(newest(records, "case", "way.device"), key=attrgetter("operations")):
        split = " | ".join(f"{percent(value):.0f}" for value in record.reference_split.values())
        splits.append(f"{step_of(record)} {split} |")
    return f"""\
| network, images | batch | inner attack | our settings | ours (s) | reference (s) \
| times faster |
|---|---|---|---|---|---|---|
{chr(10).join(steps)}

Seconds of one step: median (least to most) of repeated measurements, with {where(ways)}.

| network, images | batch | inner attack | convolutions (%) | sorting (%) | the rest (%) |
|---|---|---|---|---|---|
{chr(10).join(splits)}

Shares of the reference's time.

| network, images | batch | inner attack | our settings | operations (10^9) \
| limit: matrix product (10^9/s) | ours (% of the limit) | peak memory, ours (MiB) \
| peak memory, reference (MiB) |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(limits)}
"""


def newest_draws(records: Sequence[DrawRow]) -> list[DrawRow]:
    """Return the last record of each step of a draw and each way to compute it."""
    way = ("device", "precision", "compile", "memory_format")
    return newest(records, "case", *(f"way.{name}" for name in way))


def newest_attacks(records: Sequence[AttacksRow]) -> list[AttacksRow]:
    """Return the last record of the attacks on each network."""
    return newest(records, "network", "width", "data", "remaining_ratio")


def step_of(record: DrawRow) -> str:
    """Return the beginning of a row, which names the step of a draw."""
    channels, side, _ = record.image_shape
    return (
        f"| {record.network}, width {record.width}, {channels}x{side}x{side} "
        f"| {record.batch} | {record.attack.split(',')[0]} |"
    )


def way_of(record: DrawRow) -> str:
    """Return the settings with which this package computed."""
    way = record.way
    compiled = "" if way.compile == "none" else f", compiled ({way.compile})"
    contiguous = ", contiguous" if way.memory_format == "contiguous" else ""
    return f"{way.precision}{compiled}{contiguous}"


def parts(records: Sequence[PartsRow]) -> str:
    """Return the table of the times of the parts outside the networks, in Markdown."""
    record = records[-1]
    millions = {name: record.count(name) / 1e6 for name in ("select", "encode", "decode")}
    told = {
        "select": (
            f"select the highest of {millions['select']:.0f} million scores",
            "sort",
            "copy",
        ),
        "encode": (f"encode a mask of {millions['encode']:.0f} million bits", "zlib", "copy"),
        "decode": (f"decode a mask of {millions['decode']:.0f} million bits", "zlib", "copy"),
        "prepare": (
            f"crop and flip an epoch of {record.count('prepare'):,} images of 32x32",
            "one by one",
            "copy",
        ),
        "help": ("start `scratchticket --help`", "import torch", "Python alone"),
    }
    lines = [
        f"| {what} | {milliseconds(taken('ours'))} "
        f"| {milliseconds(taken('import torch' if name == 'help' else 'reference'))} ({rival}) "
        f"| {many_times(taken('ratio'))} "
        f"| {milliseconds(taken('limit'))} ({limit}) |"
        for name, (what, rival, limit) in told.items()
        for taken in [partial(record.spread, name)]
    ]
    return f"""\
| part | ours (ms) | for comparison (ms) | times faster | lower limit (ms) |
|---|---|---|---|---|
{chr(10).join(lines)}

Median (least to most), with {where([record])}.
"""


def photographs(records: Sequence[PhotographsRow]) -> str:
    """Return the tables of the cost of photographs that stay encoded, in Markdown."""
    records = newest(records, "what", "form", "large", "count")
    inputs, steps = [], []
    for record in records:
        size = "500x375" if record.large else "64x64"
        memory = f"{record.memory / 2**20:,.0f}"
        if record.what == "input":
            inputs.append(
                f"| {record.form}, {size} | {record.images:,} | {record.rate:.0f} | {memory} |"
            )
        else:
            waiting, step = record.waiting / record.steps, record.seconds / record.steps
            steps.append(
                f"| {record.what} at 0.4 | {record.rate:.2f} "
                f"| {1000 * waiting:.0f} ms of {step:.0f} s | {memory} |"
            )
    loads = [record.machine.load_before for record in records]
    before = max(record.before for record in records) / 2**20
    return f"""\
| input | training images | images per second of processor time | peak memory (MiB) |
|---|---|---|---|
{chr(10).join(inputs)}

A step of the preset on the enlarged images, in batches of 16:

| network | images per second | waiting for images, per step | peak memory (MiB) |
|---|---|---|---|
{chr(10).join(steps)}

Of the peak memory, the package takes {before:.0f} MiB before it loads any image. Measured with
{where(records)}, on a machine shared with other
work: load averages between {min(loads):.1f} and {max(loads):.1f}.
"""


def growth(records: Sequence[GrowthRow]) -> str:
    """Return the table of how costs grow, in Markdown."""
    records = newest(records, "name")
    lines = []
    for record in records:
        points = "<br>".join(
            f"{size:,}: {digits(took.median)} s ({digits(cost / took.median)})"
            for size, took, cost in zip(record.sizes, record.seconds, record.costs, strict=True)
        )
        lines.append(
            f"| {record.what} | {points} | {record.unit} | {record.exponent:.2f} "
            f"| {record.of_operations:.2f} |"
        )
    return f"""\
| work: size that varies | size: median time (units per second) | unit | exponent of the time \
| exponent of the operations |
|---|---|---|---|---|
{chr(10).join(lines)}

Median of repeated measurements, with {where(records)}.
"""


def busy(records: Sequence[BusyRow]) -> str:
    """Return the table of what busy neighbours cost, in Markdown."""
    records = newest(records, "neighbours")
    works = ("draw", "attack")
    ways = list(dict.fromkeys(way for record in records for way in record.ratio[works[0]]["alone"]))
    places = [("alone", records[0]), *(("beside", record) for record in records)]

    def cell(way: str, work: str, place: str, record: BusyRow) -> str:
        ratio = record.ratio[work][place].get(way)
        return "" if ratio is None else f"{ratio.median:.2f} ({ratio.min:.2f}–{ratio.max:.2f})"

    headings = [
        f"{work}, {'alone' if place == 'alone' else plural(record.neighbours, 'neighbour')}"
        for place, record in places
        for work in works
    ]
    lines = [
        " | ".join([f"| {way}", *(cell(way, w, *place) for place in places for w in works)]) + " |"
        for way in ways
    ]
    return f"""\
| waiting | {" | ".join(headings)} |
|---|{"---|" * len(headings)}
{chr(10).join(lines)}

Time as a multiple of that with PyTorch's own waiting (*torch*) and no neighbour: median (least to
most) of {" or ".join(str(record.turns) for record in records)} turns, with {where(records)}.
*spin N* sets `GOMP_SPINCOUNT`. The work is a draw of twelve steps, and PGD-20 on 3,000 digits.
"""


def newest(records: Sequence[R], *names: str) -> list[R]:
    """Return the last record of each case; cases differ in the fields of these names."""
    case = attrgetter(*names)
    return list({case(record): record for record in records}.values())


def where(records: Sequence[Row]) -> str:
    """Return the machines and the commits of measurements."""
    machines = {
        machine.device
        if machine.threads is None
        else f"{plural(machine.threads, 'thread')} of {machine.device}"
        for machine in (record.machine for record in records)
    }
    commits = sorted({record.commit or "unknown" for record in records})
    return f"{' or '.join(sorted(machines))}, at {plural_of(commits, 'commit')}"


def plural_of(names: list[str], noun: str) -> str:
    """Return a noun, in the plural for several names, and the names."""
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(names)}"
