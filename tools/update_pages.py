"""Write the pictures and parts of pages that come from records, or check that they are current.

python tools/update_pages.py [--check]

A part stands between the markers ``<!-- results: ... -->`` and ``<!-- end of results -->``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import sqrt
from pathlib import Path
from statistics import mean
from typing import Any

import attack_tables
import benchmark_tables
import findings
import idea_picture
import overview
import r2s_tables
import result_tables
import searches
import settings_table

import pictures

ROOT = Path(__file__).parents[1]
MARKERS = re.compile("(<!-- results: .* -->\n).*?(<!-- end of results -->\n)", flags=re.DOTALL)
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


@dataclass(frozen=True)
class Page:
    """A page with a part that comes from records.

    Attributes:
        path: From the repository's root.
        block: Turns the records into Markdown.
        records: Name of their file in ``records/``, or a pattern of several; of what comes
            from the program alone, none.
    """

    path: str
    block: Callable[[list[Record]], str]
    records: str


PAGES = (
    Page("README.md", demo, "demo.jsonl"),
    Page("docs/index.md", overview.landing, "demo.jsonl"),
    Page("docs/measurements.md", overview.overview, "*.jsonl"),
    Page("docs/drawing.md", findings.processes, "demo*.jsonl"),
    Page("docs/ticket-size.md", benchmark_tables.ticket_size, "ticket_size.jsonl"),
    Page("docs/switching.md", benchmark_tables.switching, "switching.jsonl"),
    Page("docs/export.md", benchmark_tables.export, "export.jsonl"),
    Page("docs/draw-speed.md", benchmark_tables.draw, "draw.jsonl"),
    Page("docs/cost-growth.md", benchmark_tables.growth, "growth.jsonl"),
    Page("docs/part-speed.md", benchmark_tables.parts, "parts.jsonl"),
    Page("docs/imagenet.md", benchmark_tables.photographs, "photographs.jsonl"),
    Page("docs/attack-speed.md", benchmark_tables.attacks, "attacks.jsonl"),
    Page("docs/attacks.md", attack_tables.attacks, "digits-attacks-seed*.jsonl"),
    Page("docs/attacks-cifar10.md", attack_tables.attacks, "cifar10-attacks-seed*.jsonl"),
    Page("docs/fewer-steps.md", searches.tables, "fast-*seed*.jsonl"),
    Page("docs/results-quick.md", partial(result_tables.results, "quick"), "paper-quick.jsonl"),
    Page("docs/results-small.md", partial(result_tables.results, "small"), "paper-small.jsonl"),
    Page("docs/r2s-findings.md", r2s_tables.answers, "paper-*.jsonl"),
    Page("docs/precision.md", findings.precisions, "precision-digits-seed*.jsonl"),
    Page("docs/settings.md", settings_table.settings, "no records"),
    Page("docs/evaluation.md", settings_table.attacks, "no records"),
    Page("docs/findings.md", partial(findings.study, "digits"), "digits-seed*.jsonl"),
    Page("docs/findings-cifar10.md", partial(findings.study, "cifar10"), "cifar10-seed*.jsonl"),
)


@dataclass(frozen=True)
class Picture:
    """A figure that comes from records.

    Attributes:
        path: From the repository's root.
        draw: Turns the records into SVG.
        records: As of a page.
    """

    path: str
    draw: Callable[[list[Record]], str]
    records: str


PICTURES = (
    Picture(
        "docs/pictures/epsilon.svg", pictures.accuracy_by_epsilon, "digits-attacks-seed*.jsonl"
    ),
    Picture("docs/pictures/r2s.svg", r2s_tables.compared, "paper-*.jsonl"),
    Picture("docs/pictures/ratio.svg", pictures.accuracy_by_ratio, "digits-seed?.jsonl"),
    Picture("docs/pictures/idea.svg", idea_picture.wide, "no records"),
    Picture("docs/pictures/idea-tall.svg", idea_picture.tall, "no records"),
    Picture("docs/pictures/fewer-steps.svg", searches.compared, "fast-*seed*.jsonl"),
)


def read(pattern: str) -> list[Record]:
    """Return the records of all files that fit, each with the study it is of."""
    files = sorted((ROOT / "records").glob(pattern))
    return [
        {"study": re.sub(r"-seed\d+$", "", file.stem)} | json.loads(line)
        for file in files
        for line in file.read_text().splitlines()
    ]


def updated(page: Page, text: str) -> str:
    """Return a page's text with the part between its markers made anew."""
    block = page.block(read(page.records))
    result, count = MARKERS.subn(lambda markers: markers[1] + block + markers[2], text)
    if count != 1:
        sys.exit(f"{page.path} must have the markers of results once, it has them {count} times")
    return result


def main() -> None:
    """Rewrite the pictures, and the part between the markers of each page; or compare them."""
    stale = []
    current = {page.path: updated(page, (ROOT / page.path).read_text()) for page in PAGES}
    current |= {picture.path: picture.draw(read(picture.records)) for picture in PICTURES}
    for name, text in current.items():
        path = ROOT / name
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
    if stale and "--check" in sys.argv:
        sys.exit(f"out of date: {', '.join(stale)}; run python tools/update_pages.py")


if __name__ == "__main__":
    main()
