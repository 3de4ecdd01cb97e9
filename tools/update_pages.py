"""Write the pictures and the parts of pages that are generated from records, or check them.

python tools/update_pages.py [--check]

The generated part of a page lies between the markers ``<!-- results: ... -->`` and
``<!-- end of results -->``. With ``--check`` nothing is written, and outdated files are an error.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import benchmark_tables
import demo_tables
import idea_picture
import overview
import r2s_tables
import result_tables
import settings_table
from benchmarks.rows import (
    AttacksRow,
    BusyRow,
    DrawRow,
    ExportRow,
    GrowthRow,
    PartsRow,
    PhotographsRow,
    R,
    SwitchingRow,
    TicketSizeRow,
    read_rows,
)

import pictures

ROOT = Path(__file__).parents[1]
MARKERS = re.compile("(<!-- results: .* -->\n).*?(<!-- end of results -->\n)", flags=re.DOTALL)
Record = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A page with a generated part.

    Attributes:
        path: From the repository's root.
        block: Turns the records into Markdown.
        records: Name or glob pattern of the records' files in ``records/``. A name that fits no
            file if the part is generated from the program alone.
    """

    path: str
    block: Callable[[list[Record]], str]
    records: str


def of_rows(kind: type[R], table: Callable[[Sequence[R]], str]) -> Callable[[list[Record]], str]:
    """Return a function that makes a benchmark's table from the JSON of its rows."""
    return lambda records: table(read_rows(kind, records))


PAGES = (
    Page("README.md", overview.results, "*.jsonl"),
    Page("docs/index.md", demo_tables.landing, "demo.jsonl"),
    Page("docs/measurements.md", overview.overview, "*.jsonl"),
    Page("docs/drawing.md", demo_tables.processes, "demo*.jsonl"),
    Page(
        "docs/ticket-size.md",
        of_rows(TicketSizeRow, benchmark_tables.ticket_size),
        "ticket_size.jsonl",
    ),
    Page("docs/switching.md", of_rows(SwitchingRow, benchmark_tables.switching), "switching.jsonl"),
    Page("docs/export.md", of_rows(ExportRow, benchmark_tables.export), "export.jsonl"),
    Page("docs/draw-speed.md", of_rows(DrawRow, benchmark_tables.draw), "draw.jsonl"),
    Page("docs/cost-growth.md", of_rows(GrowthRow, benchmark_tables.growth), "growth.jsonl"),
    Page("docs/robust-runs.md", of_rows(BusyRow, benchmark_tables.busy), "busy.jsonl"),
    Page("docs/part-speed.md", of_rows(PartsRow, benchmark_tables.parts), "parts.jsonl"),
    Page(
        "docs/imagenet.md",
        of_rows(PhotographsRow, benchmark_tables.photographs),
        "photographs.jsonl",
    ),
    Page("docs/attack-speed.md", of_rows(AttacksRow, benchmark_tables.attacks), "attacks.jsonl"),
    Page("docs/attacks.md", result_tables.study, "attacks-quick.jsonl"),
    Page("docs/attacks-cifar10.md", result_tables.study, "attacks-small.jsonl"),
    Page(
        "docs/fewer-steps.md",
        result_tables.study,
        "fewer-steps-*.jsonl",
    ),
    Page("docs/results-quick.md", partial(result_tables.results, "quick"), "paper-quick.jsonl"),
    Page("docs/results-small.md", partial(result_tables.results, "small"), "paper-small.jsonl"),
    Page("docs/r2s-findings.md", r2s_tables.answers, "paper-*.jsonl"),
    Page("docs/stronger-search.md", result_tables.study, "searches-*.jsonl"),
    Page("docs/precision.md", result_tables.study, "precision-quick.jsonl"),
    Page("docs/settings.md", settings_table.settings, "no records"),
    Page("docs/evaluation.md", settings_table.attacks, "no records"),
    Page("docs/findings.md", result_tables.study, "digits-quick.jsonl"),
    Page(
        "docs/findings-cifar10.md",
        partial(result_tables.study, name="cifar10"),
        "paper-small.jsonl",
    ),
)


@dataclass(frozen=True)
class Picture:
    """A figure that is generated from records.

    Attributes:
        path: From the repository's root.
        draw: Turns the records into SVG.
        records: As in :class:`Page`.
    """

    path: str
    draw: Callable[[list[Record]], str]
    records: str


PICTURES = (
    Picture("docs/pictures/epsilon.svg", pictures.accuracy_by_epsilon, "attacks-quick.jsonl"),
    Picture("docs/pictures/r2s.svg", r2s_tables.compared, "paper-*.jsonl"),
    Picture("docs/pictures/ratio.svg", pictures.accuracy_by_ratio, "digits-quick.jsonl"),
    Picture("docs/pictures/idea.svg", idea_picture.wide, "no records"),
    Picture("docs/pictures/idea-tall.svg", idea_picture.tall, "no records"),
    Picture("docs/pictures/stronger-search.svg", pictures.searches_by_cost, "searches-*.jsonl"),
    Picture("docs/pictures/fewer-steps.svg", pictures.robustness_by_cost, "fewer-steps-*.jsonl"),
)


def read(pattern: str) -> list[Record]:
    """Return the records of all files that match, each with its file's name as ``study``."""
    found = (ROOT / "records").glob(pattern)
    files = sorted(found, key=lambda file: (file.stem.rpartition("-")[2], file.stem))  # by scale
    return [
        {"study": file.stem} | json.loads(line)
        for file in files
        for line in file.read_text().splitlines()
    ]


def updated(page: Page, text: str) -> str:
    """Return a page's text with its generated part up to date."""
    block = page.block(read(page.records))
    result, count = MARKERS.subn(lambda markers: markers[1] + block + markers[2], text)
    if count != 1:
        sys.exit(
            f"{page.path} must have one pair of markers, <!-- results: ... --> and "
            f"<!-- end of results -->; it has {count}"
        )
    return result


def main() -> None:
    """Write the pictures and the generated parts of pages; with ``--check``, compare them."""
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
