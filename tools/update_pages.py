"""Write the parts of pages that come from records, or check that they are current.

python tools/update_pages.py [--check]

A part stands between the markers ``<!-- results: ... -->`` and ``<!-- end of results -->``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import mean
from typing import Any

import findings

ROOT = Path(__file__).parents[1]
MARKERS = re.compile("(<!-- results: .* -->\n).*?(<!-- end of results -->\n)", flags=re.DOTALL)
RIVALS = ("released", "zstd")  # what a ticket's file is compared with
Record = dict[str, Any]


def demo(records: list[Record]) -> str:
    """Return the README's table and its explanation, in Markdown."""
    rows = []
    for task, label in (("draw", "ticket, untrained"), ("train", "dense, trained")):
        runs = [record for record in records if record["recipe"]["task"] == task]
        natural, robust = zip(*map(findings.percents, runs), strict=True)
        weights = runs[0]["weights"]
        spread = [findings.spread(values) for values in (natural, robust)]
        size = round(mean(run["bytes"] for run in runs))
        rows.append(f"| {label} | {spread[0]} | {spread[1]} | {weights['kept']:,} | {size:,} |")
    first = records[0]
    attack = first["results"][first["selected"]]["attacks"][0]
    seconds = mean(r["seconds"]["learning"] + r["seconds"]["evaluation"] for r in records)
    seeds = sorted({record["recipe"]["seed"] for record in records})
    machine, total = first["machine"], attack["total"]
    fraction = attack["correct"] / total
    error = 100 * sqrt(fraction * (1 - fraction) / total)
    return f"""\
| | natural (%) | robust (%) | weights kept | bytes on disk |
|---|---|---|---|---|
{chr(10).join(rows)}

Accuracy on {total} test images, natural and under attack ({attack["title"]});
mean ± standard deviation over seeds
{", ".join(map(str, seeds))}; the epoch is chosen on validation images. The standard error of one
robust accuracy from {total} images alone is {error:.1f} points. A run took {seconds:.0f} s on
average with {machine["threads"]} threads of {machine["device"]}.
"""


def ticket_size(records: list[Record]) -> str:
    """Return the tables of files' sizes and of times to load them, in Markdown."""
    sizes, times = [], []
    for record in records:
        network, size = record["network"], record["bytes"]
        label = (
            f"| {network['name']}, width {network['width']}"
            f" | {100 * float(record['ratio']):g} | {record['mask']} |"
        )
        over = 100 * (size["mask"] / size["entropy"] - 1)
        columns = [f"{size[name]:,.0f}" for name in ("entropy", "mask")]
        columns += [f"{over:+.2f} %"]
        columns += [f"{size[name]:,}" for name in ("statistics", "header", "file")]
        columns += [f"{size[name]:,} ({size[name] / size['file']:.3g}x)" for name in RIVALS]
        sizes.append(f"{label} {' | '.join(columns)} |")
        columns = [interval(record["seconds"][name]) for name in ("ticket", *RIVALS)]
        times.append(f"{label} {' | '.join(columns)} |")
    loads = [record["machine"]["load_before"] for record in records]
    ((passes, torch),) = {(record["passes"], record["versions"]["torch"]) for record in records}
    machines = {(record["machine"]["threads"], record["machine"]["device"]) for record in records}
    places = [f"{plural(threads, 'thread')} of {device}" for threads, device in sorted(machines)]
    return f"""\
| network | kept (%) | mask | entropy | code of the mask | over entropy | statistics | header | \
ticket file | released checkpoint | dense, zstd |
|---|---|---|---|---|---|---|---|---|---|---|
{chr(10).join(sizes)}

Sizes in bytes; in brackets how many times the ticket's file.

| network | kept (%) | mask | ticket (s) | released checkpoint (s) | dense, zstd (s) |
|---|---|---|---|---|---|
{chr(10).join(times)}

Median of {passes} (least to most), with {" or ".join(places)}, PyTorch {torch}. The machine was
shared: when the measurement of a row began, its load average over one minute, this benchmark
included, lay between {min(loads):.1f} and {max(loads):.1f}.
"""


def switching(records: list[Record]) -> str:
    """Return the table of memory and time of a switch, in Markdown."""
    rows = []
    for record in records:
        size, seconds = record["bytes"], record["seconds"]
        megabytes = [
            f"{size[name] / 2**20:.1f} ({size[name] / size['dense']:.2f}x)"
            for name in ("packed", "resident")
        ]
        forward = seconds["forward"]["median"]
        times = [milliseconds(seconds[name]) for name in ("forward", "switch", "copy")]
        shares = [
            f"{seconds['switch']['median'] / forward:.2f}",
            f"{100 * seconds['draw']['median'] / forward:.2f} %",
        ]
        columns = " | ".join(megabytes + times + shares)
        rows.append(f"| {record['network']} | {record['tickets']} | {columns} |")
    machine = records[0]["machine"]
    return f"""\
| network | tickets | packed (MiB) | resident (MiB) | forward, one image (ms) | \
switch, packed (ms) | copy (ms) | switch, packed, in forwards | switch, resident, of a forward |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

In brackets how many times the dense network. Median (least to most), with
{plural(machine["threads"], "thread")} of {machine["device"]}; the machine was shared.
"""


def milliseconds(times: dict[str, float]) -> str:
    """Return a median with what lies around it, in milliseconds."""
    return "{:.1f} ({:.1f} to {:.1f})".format(*(1e3 * times[n] for n in ("median", "min", "max")))


def interval(times: dict[str, float]) -> str:
    """Return a median with what lies around it, to three digits after the point."""
    return f"{times['median']:.3f} ({times['min']:.3f} to {times['max']:.3f})"


def plural(count: int, noun: str) -> str:
    """Return a count of things."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@dataclass(frozen=True)
class Page:
    """A page with a part that comes from records.

    Attributes:
        path: From the repository's root.
        block: Turns the records into Markdown.
        records: Name of their file in ``records/``, or a pattern of several.
    """

    path: str
    block: Callable[[list[Record]], str]
    records: str


PAGES = (
    Page("README.md", demo, "demo.jsonl"),
    Page("docs/ticket-size.md", ticket_size, "ticket_size.jsonl"),
    Page("docs/switching.md", switching, "switching.jsonl"),
    Page("docs/findings.md", findings.digits, "digits-seed*.jsonl"),
)


def updated(page: Page, text: str) -> str:
    """Return a page's text with the part between its markers made anew."""
    files = sorted((ROOT / "records").glob(page.records))
    lines = [line for file in files for line in file.read_text().splitlines()]
    block = page.block([json.loads(line) for line in lines])
    result, count = MARKERS.subn(lambda markers: markers[1] + block + markers[2], text)
    if count != 1:
        sys.exit(f"{page.path} must have the markers of results once, it has them {count} times")
    return result


def main() -> None:
    """Rewrite the part between the markers of each page, or compare it."""
    stale = []
    for page in PAGES:
        path = ROOT / page.path
        text = path.read_text()
        current = updated(page, text)
        if current != text:
            stale.append(page.path)
            if "--check" not in sys.argv:
                path.write_text(current)
    if stale and "--check" in sys.argv:
        sys.exit(f"out of date: {', '.join(stale)}; run python tools/update_pages.py")


if __name__ == "__main__":
    main()
