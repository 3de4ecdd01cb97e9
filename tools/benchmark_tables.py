"""The tables of the pages on benchmarks."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import Any

Record = dict[str, Any]
RIVAL = {"reference": "released procedure"}
ATTACKS = (("pgd", "foolbox"), ("pgd", "reference"), ("autoattack", "pyautoattack"))
RIVALS = ("released", "zstd")  # what a ticket's file is compared with


def ticket_size(records: list[Record]) -> str:
    """Return the tables of files' sizes and of times to load them, in Markdown."""
    facts = [{**r, "name": r["network"]["name"], "all": r["weights"]["total"]} for r in records]
    records = newest(facts, "mask", "all", "name", "ratio")
    records.sort(key=lambda r: (r["mask"] == "drawn", r["all"], r["name"], float(r["ratio"])))
    sizes, others, times = [], [], []
    for record in records:
        network, size = record["network"], record["bytes"]
        label = (
            f"| {network['name']}, width {network['width']}"
            f" | {100 * float(record['ratio']):g} | {record['mask']} |"
        )
        over = 100 * (size["mask"] / size["entropy"] - 1)
        columns = [f"{size[name]:,.0f}" for name in ("entropy", "mask")]
        columns += [f"{over:+.2f}"]
        columns += [f"{size[name]:,}" for name in ("statistics", "header", "file")]
        sizes.append(f"{label} {' | '.join(columns)} |")
        columns = [f"{size['file']:,}"]
        columns += [f"{size[name]:,} ({size[name] / size['file']:.3g}x)" for name in RIVALS]
        others.append(f"{label} {' | '.join(columns)} |")
        columns = [milliseconds(record["seconds"][name]) for name in ("ticket", *RIVALS)]
        times.append(f"{label} {' | '.join(columns)} |")
    loads = [record["machine"]["load_before"] for record in records]
    ((passes, torch),) = {(record["passes"], record["versions"]["torch"]) for record in records}
    machines = {(record["machine"]["threads"], record["machine"]["device"]) for record in records}
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

Sizes in bytes; in brackets how many times the ticket's file.

| network | kept (%) | mask | ticket (ms) | released checkpoint (ms) | dense, zstd (ms) |
|---|---|---|---|---|---|
{chr(10).join(times)}

Median of {passes} (least to most), with {" or ".join(places)}, PyTorch {torch}. The machine was
shared: when the measurement of a row began, its load average over one minute, this benchmark
included, lay between {min(loads):.1f} and {max(loads):.1f}.
"""


def switching(records: list[Record]) -> str:
    """Return the table of memory and time of a switch, in Markdown."""
    memory, times = [], []
    records = newest(records, "network", "tickets")
    for record in records:
        size, seconds = record["bytes"], record["seconds"]
        megabytes = [
            f"{size[name] / 2**20:.1f} ({size[name] / size['dense']:.2f}x)"
            for name in ("packed", "resident")
        ]
        forward = seconds["forward"]["median"]
        columns = [milliseconds(seconds[name]) for name in ("forward", "switch", "copy")]
        columns += [f"{100 * seconds[name]['median'] / forward:.2g}" for name in ("switch", "draw")]
        label = f"| {record['network']} | {record['tickets']} |"
        memory.append(f"{label} {' | '.join(megabytes)} |")
        times.append(f"{label} {' | '.join(columns)} |")
    machine = records[0]["machine"]
    return f"""\
| network | tickets | packed (MiB) | resident (MiB) |
|---|---|---|---|
{chr(10).join(memory)}

In brackets how many times the dense network.

| network | tickets | forward, one image (ms) | switch, packed (ms) | copy (ms) \
| switch, packed (% of a forward) | switch, resident (% of a forward) |
|---|---|---|---|---|---|---|
{chr(10).join(times)}

Median (least to most), with
{plural(machine["threads"], "thread")} of {machine["device"]}; the machine was shared.
"""


def export(records: list[Record]) -> str:
    """Return the table of exported tickets, in Markdown."""
    lines = []
    records = newest(records, "network", "width")
    for record in records:
        dense = {batch: taken["dense"]["median"] for batch, taken in record["seconds"].items()}
        for name, size in record["bytes"].items():
            columns = [
                f"{milliseconds(taken[name])} ({taken[name]['median'] / dense[batch]:.2f}x)"
                for batch, taken in record["seconds"].items()
            ]
            lines.append(f"| width {record['width']}, {name} | {size:,} | {' | '.join(columns)} |")
    batches = [f"{plural(int(batch), 'image')} (ms)" for batch in records[0]["seconds"]]
    version = records[0]["versions"]["onnxruntime"]
    return f"""\
| {records[0]["network"]} of 32x32 | bytes | {" | ".join(batches)} |
|---|---|{"---|" * len(batches)}
{chr(10).join(lines)}

A forward pass: median (least to most) of turns, and how many times the dense network's, with
onnxruntime {version} and {where(records)}.
"""


def milliseconds(times: dict[str, float]) -> str:
    """Return a median with what lies around it, in milliseconds."""
    return interval({name: 1e3 * value for name, value in times.items()})


def interval(times: dict[str, float]) -> str:
    """Return a median to three digits, with least and most to as many after the point."""
    median, least, most = (
        digits(times[name], times["median"]) for name in ("median", "min", "max")
    )
    return f"{median} ({least}–{most})"


def digits(value: float, like: float | None = None) -> str:
    """Return a number to three digits, or to as many places as another has to three digits."""
    places = max(0, 2 - math.floor(math.log10(like or value)))
    return f"{value:,.{places}f}"


def many_times(ratio: dict[str, float]) -> str:
    """Return how many times faster, with what lies around it."""
    middle, least, most = (
        f"{ratio[name]:.1f}" if ratio[name] >= 1 else f"{ratio[name]:.2g}"
        for name in ("median", "min", "max")
    )
    return f"{middle} ({least}–{most})"


def plural(count: int, noun: str) -> str:
    """Return a count of things."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def attacks(records: list[Record]) -> str:
    """Return the tables of how long attacks take, and of their memory, in Markdown."""
    times, accuracies, memory = [], [], []
    records = newest_attacks(records)
    for record in records:
        label = f"| {record['network']}, width {record['width']}, {record['data']}"
        passes = f"{digits(record['pgd_limit'])} | {100 * record['pgd_passes']:.0f} "
        for name, rival in ATTACKS:
            if not record[name]:
                continue
            ours, theirs = (record[name][who] for who in ("scratchticket", rival))
            attack = "PGD-20" if name == "pgd" else "AutoAttack"
            beginning = f"{label} | {attack} | {RIVAL.get(rival, rival)}"
            times.append(
                f"{beginning} | {interval(ours)} | {interval(theirs)} "
                f"| {many_times(theirs['ratio'])} | {passes if name == 'pgd' else '| '}|"
            )
            accuracies.append(
                f"{beginning} | {record['epsilon']} | {record['images'][name]:,} "
                f"| {100 * ours['accuracy']:.1f} | {100 * theirs['accuracy']:.1f} |"
            )
        sizes = " | ".join(
            f"{int(n):,}: {size / 2**20:,.0f} MiB" for n, size in record["peak_bytes"].items()
        )
        memory.append(f"{label} | {sizes} |")
    return f"""\
| network | attack | compared with | ours (s) | theirs (s) | times faster | our passes alone (s) \
| our share of all passes (%) |
|---|---|---|---|---|---|---|---|
{chr(10).join(times)}

Seconds for 1,000 images: median (least to most) of runs in turn, with
{where(records)}. AutoAttack is the standard version with
{" or ".join(sorted({f"{r['queries']:,}" for r in records}))} queries of Square.

| network | attack | compared with | epsilon | images | robust accuracy, ours (%) | theirs (%) |
|---|---|---|---|---|---|---|
{chr(10).join(accuracies)}

| network | peak memory of PGD-20 on so many images | on ten times as many |
|---|---|---|
{chr(10).join(memory)}
"""


def draw(records: list[Record]) -> str:
    """Return the tables of how long a step of a draw takes, in Markdown."""
    ways = newest_draws(records)
    ways.sort(key=lambda r: (r["precision"] != "float32", way_of(r), r["operations"]))
    steps, limits = [], []
    for record in ways:
        label = f"{step_of(record)} {way_of(record)} |"
        ours, theirs = (interval(record["seconds"][who]) for who in ("ours", "reference"))
        steps.append(f"{label} {ours} | {theirs} | {many_times(record['ratio'])} |")
        sizes = [record["peak_bytes"][who] / 2**20 for who in ("ours", "reference")]
        limits.append(
            f"{label} {record['operations'] / 1e9:,.0f} | {record['product_rate'] / 1e9:.0f} "
            f"| {100 * record['share']:.0f} | {sizes[0]:,.0f} | {sizes[1]:,.0f} |"
        )
    splits = []  # the reference computes in one way
    records = [r | r["way"] for r in records]
    for record in sorted(newest(records, "case", "device"), key=itemgetter("operations")):
        split = " | ".join(f"{100 * value:.0f}" for value in record["reference_split"].values())
        splits.append(f"{step_of(record)} {split} |")
    return f"""\
| network, images | batch | inner attack | ours computes in | ours (s) | reference (s) \
| times faster |
|---|---|---|---|---|---|---|
{chr(10).join(steps)}

Seconds of one step: median (least to most) of turns, with {where(ways)}.

| network, images | batch | inner attack | convolutions (%) | sorting (%) | the rest (%) |
|---|---|---|---|---|---|
{chr(10).join(splits)}

How the reference's time is spent.

| network, images | batch | inner attack | ours computes in | operations (10^9) \
| matrix product (10^9/s) | share of it (%) | peak memory, ours (MiB) | reference (MiB) |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(limits)}
"""


def newest_draws(records: list[Record]) -> list[Record]:
    """Return the last record of each step of a draw and each way to compute it."""
    before = {"memory_format": "channels_last"}  # of rows from before there was a choice
    ways = [r | before | r["way"] for r in records]
    return newest(ways, "case", "device", "precision", "compile", *before)


def newest_attacks(records: list[Record]) -> list[Record]:
    """Return the last record of the attacks on each network."""
    return newest(records, "network", "width", "data", "remaining_ratio")


def step_of(record: Record) -> str:
    """Return the beginning of a row: which step of a draw it is about."""
    channels, side = record["image_shape"][0], record["image_shape"][1]
    return (
        f"| {record['network']}, width {record['width']}, {channels}x{side}x{side} "
        f"| {record['batch']} | {record['attack'].split(',')[0]} |"
    )


def way_of(record: Record) -> str:
    """Return how ours computed."""
    compiled = "" if record["compile"] == "none" else f", compiled ({record['compile']})"
    contiguous = ", contiguous" if record["memory_format"] == "contiguous" else ""
    return f"{record['precision']}{compiled}{contiguous}"


def parts(records: list[Record]) -> str:
    """Return the table of how long the parts around the networks take, in Markdown."""
    record = records[-1]
    millions = {name: record[name]["count"] / 1e6 for name in ("select", "encode", "decode")}
    told = {
        "select": (f"the highest of {millions['select']:.0f} million scores", "sort", "copy"),
        "encode": (f"a mask of {millions['encode']:.0f} million, coded", "zlib", "copy"),
        "decode": (f"a mask of {millions['decode']:.0f} million, decoded", "zlib", "copy"),
        "prepare": (
            f"an epoch of {record['prepare']['count']:,} images of 32x32, cropped and flipped",
            "one by one",
            "copy",
        ),
        "help": ("`scratchticket --help`", "import torch", "Python alone"),
    }
    lines = [
        f"| {what} | {milliseconds(taken['ours'])} "
        f"| {milliseconds(taken['import torch' if name == 'help' else 'reference'])} ({rival}) "
        f"| {many_times(taken['ratio'])} "
        f"| {milliseconds(taken['limit'])} ({limit}) |"
        for name, (what, rival, limit) in told.items()
        for taken in [record[name]]
    ]
    return f"""\
| part | ours (ms) | for comparison (ms) | times faster | the limit (ms) |
|---|---|---|---|---|
{chr(10).join(lines)}

Median (least to most), with {where([record])}.
"""


def photographs(records: list[Record]) -> str:
    """Return the tables of what photographs cost that stay encoded, in Markdown."""
    records = newest(records, "what", "form", "large", "count")
    inputs, steps = [], []
    for record in records:
        size = "500x375" if record["large"] else "64x64"
        memory = f"{record['memory'] / 2**20:,.0f}"
        rate = record["images"] / record.get("processor", record["seconds"])
        if record["what"] == "input":
            inputs.append(
                f"| {record['form']}, {size} | {record['images']:,} | {rate:.0f} | {memory} |"
            )
        else:
            waiting, step = (record[name] / record["steps"] for name in ("waiting", "seconds"))
            steps.append(
                f"| {record['what']} at 0.4 | {rate:.2f} | {1000 * waiting:.0f} ms of {step:.0f} s "
                f"| {memory} |"
            )
    loads = [record["machine"]["load_before"] for record in records]
    before = max(record["before"] for record in records) / 2**20
    return f"""\
| | images learned from | images a second of processor time | peak memory, MiB |
|---|---|---|---|
{chr(10).join(inputs)}

A step of the preset on the enlarged images, in batches of 16:

| | images a second | waiting for images, of a step | peak memory, MiB |
|---|---|---|---|
{chr(10).join(steps)}

{before:.0f} MiB are the package before it loads anything. With {where(records)}, shared with other
work: load averages between {min(loads):.1f} and {max(loads):.1f}.
"""


def growth(records: list[Record]) -> str:
    """Return the table of how costs grow, in Markdown."""
    records = newest(records, "name")
    lines = []
    for record in records:
        points = "<br>".join(
            f"{size:,}: {digits(took['median'])} s ({digits(cost / took['median'])})"
            for size, took, cost in zip(
                record["sizes"], record["seconds"], record["costs"], strict=True
            )
        )
        lines.append(
            f"| {record['what']} | {points} | {record['unit']} | {record['exponent']:.2f} "
            f"| {record['of_operations']:.2f} |"
        )
    return f"""\
| what | median (done in a second) | done are | exponent | of the operations |
|---|---|---|---|---|
{chr(10).join(lines)}

Median of turns, with {where(records)}.
"""


def newest(records: list[Record], *names: str) -> list[Record]:
    """Return the last record of each case, which these of its facts tell from others."""
    return list({tuple(record[name] for name in names): record for record in records}.values())


def where(records: list[Record]) -> str:
    """Return the machines records were measured on, and the commits."""
    machines = {
        f"{plural(machine['threads'], 'thread')} of {machine['device']}"
        if "threads" in machine
        else machine["device"]
        for machine in (record["machine"] for record in records)
    }
    commits = sorted({record["commit"] or "unknown" for record in records})
    return f"{' or '.join(sorted(machines))}, at {plural_of(commits, 'commit')}"


def plural_of(names: list[str], noun: str) -> str:
    """Return a noun and the names of several things."""
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(names)}"
