"""What the committed records say was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scratchticket.runs.schemas import all_attacked

RECORDS = Path(__file__).parents[1] / "records"
FILES = sorted(RECORDS.glob("*.jsonl"))


def told(file: Path) -> Iterator[dict[str, Any]]:
    """Return the records of a file; those of a sweep lie inside a line about their job."""
    for line in file.read_text().splitlines():
        record = json.loads(line)
        yield record.get("record", record)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_attacks_are_behind_every_worst_case(file: Path) -> None:
    assert all(all_attacked(record) for record in told(file))


def test_there_are_worst_cases_among_the_records() -> None:
    found = [record for file in FILES for record in told(file) if record.get("worst_cases")]

    assert {record["kind"] for record in found} == {"evaluation", "switch"}
