"""Write the README's results from records, or check that they are current.

python tools/update_readme.py [--check]
"""

from __future__ import annotations

import json
import sys
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

ROOT = Path(__file__).parents[1]
README, RECORDS = ROOT / "README.md", ROOT / "records" / "demo.jsonl"
BEGIN, END = "<!-- results: written by tools/update_readme.py -->\n", "<!-- end of results -->\n"


def percents(record: dict[str, Any]) -> tuple[float, float]:
    """Return natural and robust accuracy of a record, in percent."""
    result = record["results"][record["selected"]]
    counts = (result["natural"], result["attacks"][0])
    natural, robust = (100 * c["correct"] / c["total"] for c in counts)
    return natural, robust


def block(records: list[dict[str, Any]]) -> str:
    """Return the table and its explanation, in Markdown."""
    rows = []
    for task, label in (("draw", "ticket, untrained"), ("train", "dense, trained")):
        runs = [record for record in records if record["recipe"]["task"] == task]
        natural, robust = zip(*map(percents, runs), strict=True)
        weights = runs[0]["weights"]
        spread = [f"{mean(values):.1f} ± {stdev(values):.1f}" for values in (natural, robust)]
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


def main() -> None:
    """Rewrite the block between the markers, or compare it."""
    records = [json.loads(line) for line in RECORDS.read_text().splitlines()]
    text = README.read_text()
    before, rest = text.split(BEGIN)
    updated = before + BEGIN + block(records) + END + rest.split(END)[1]
    if "--check" not in sys.argv:
        README.write_text(updated)
    elif updated != text:
        sys.exit("README.md is out of date: run python tools/update_readme.py")


if __name__ == "__main__":
    main()
