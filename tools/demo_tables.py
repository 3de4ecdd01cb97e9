"""Tables and sentences from the records of ``python3 dev.py demo``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import sqrt
from statistics import mean, stdev
from typing import Any

from scratchticket.base.accuracy import percent

Record = dict[str, Any]


def percents(record: Record) -> tuple[float, float]:
    """Return natural and robust accuracy of a run, in percent."""
    result = record["results"][record["selected"]]
    natural, robust = (
        percent(c["correct"], c["total"]) for c in (result["natural"], result["attacks"][0])
    )
    return natural, robust


def spread(values: Sequence[float]) -> str:
    """Return mean ± standard deviation as text, or a single value alone."""
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{mean(values):.1f} ± {stdev(values):.1f}"


def robust(records: Sequence[Record]) -> str:
    """Return the robust accuracy of several seeds in percent."""
    return spread([percents(record)[1] for record in records])


def demo(records: list[Record]) -> str:
    """Return the README's table and its explanation, in Markdown."""
    rows = []
    for task, label in (("draw", "ticket, untrained"), ("train", "dense, trained")):
        runs = [record for record in records if record["recipe"]["task"] == task]
        natural = spread([percents(run)[0] for run in runs])
        kept, size = runs[0]["weights"]["kept"], round(mean(run["bytes"] for run in runs))
        rows.append(f"| {label} | {natural} | {robust(runs)} | {kept:,} | {size:,} |")
    first = records[0]
    attack = first["results"][first["selected"]]["attacks"][0]
    seconds = mean(r["seconds"]["learning"] + r["seconds"]["evaluation"] for r in records)
    seeds = sorted({record["recipe"]["seed"] for record in records})
    machine, total = first["machine"], attack["total"]
    fraction = attack["correct"] / total
    error = percent(sqrt(fraction * (1 - fraction) / total))
    return f"""\
| | natural (%) | robust (%) | weights kept | bytes on disk |
|---|---|---|---|---|
{chr(10).join(rows)}

Accuracy on {total} test images, natural and under attack ({attack["title"]});
mean ± standard deviation over seeds
{", ".join(map(str, seeds))}; the epoch is chosen on validation images. With only {total} images,
the robust accuracy of one run has a standard error of {error:.1f} points. A run took
{seconds:.0f} s on average with {machine["threads"]} threads of {machine["device"]}.
"""


def landing(records: list[Record]) -> str:
    """Return the robust accuracy and the size of the demo's ticket, in Markdown."""
    ticket, dense = (
        [record for record in records if record["recipe"]["task"] == task]
        for task in ("draw", "train")
    )
    first = ticket[0]
    attack = first["results"][first["selected"]]["attacks"][0]
    weights, network = first["weights"], first["recipe"]["network"]
    kept = f"{percent(weights['kept'], weights['total']):.0f} %"
    size = [f"{mean(run['bytes'] for run in runs):,.0f}" for runs in (ticket, dense)]
    return f"""\
**{robust(ticket)} % robust accuracy, and no weight was trained:** a ticket that keeps
{kept} of the weights of a random {network["name"]} of width {network["width"]}, {size[0]} bytes on
disk, attacked on {attack["total"]} images of handwritten digits ({attack["title"]}). The same
network trained adversarially reaches {robust(dense)} % and takes {size[1]} bytes. Mean ± standard
deviation over {len(ticket)} seeds.
"""


def processes(records: list[Record]) -> str:
    """Return the accuracies with one and with several processes, over the same seeds."""
    draws = [record for record in records if record["recipe"]["task"] == "draw"]
    by_count: dict[int, list[Record]] = defaultdict(list)
    for record in draws:
        by_count[record["machine"].get("processes", 1)].append(record)
    lines = []
    for count, own in sorted(by_count.items()):
        natural = spread([percents(record)[0] for record in own])
        each = ", ".join(f"{percents(record)[1]:.1f}" for record in own)
        lines.append(f"| {count} | {natural} | {robust(own)} | {each} |")
    seeds = ", ".join(map(str, sorted({record["recipe"]["seed"] for record in draws})))
    title = draws[0]["results"]["best"]["attacks"][0]["title"]
    return f"""\
| processes | natural (%) | robust (%) | robust, by seed (%) |
|---|---|---|---|
{chr(10).join(lines)}

The ticket of `python3 dev.py demo` with seeds {seeds}: mean ± standard deviation. *Robust* means
under {title}.
"""
