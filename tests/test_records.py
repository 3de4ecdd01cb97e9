"""The committed records and tickets: each is read by the one reader, and says what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.measure import append
from benchmarks.rows import (
    AttacksRow,
    BusyRow,
    DrawRow,
    ExportRow,
    GrowthRow,
    PartsRow,
    PhotographsRow,
    Row,
    SwitchingRow,
    TicketSizeRow,
    read_rows,
)

from scratchticket.base.errors import InputError
from scratchticket.base.record import (
    EvaluationRecord,
    Record,
    RunRecord,
    SwitchRecord,
    read_record,
    to_json,
)
from scratchticket.judging.task import all_attacked
from scratchticket.tickets import load_tickets

RECORDS = Path(__file__).parents[1] / "records"
BENCHMARKS: dict[str, type[Row]] = {
    "attacks": AttacksRow,
    "busy": BusyRow,
    "draw": DrawRow,
    "export": ExportRow,
    "growth": GrowthRow,
    "parts": PartsRow,
    "photographs": PhotographsRow,
    "switching": SwitchingRow,
    "ticket_size": TicketSizeRow,
}
FILES = sorted(file for file in RECORDS.glob("*.jsonl") if file.stem not in BENCHMARKS)


def told(file: Path) -> list[dict[str, Any]]:
    """Return the records of a file; those of a sweep lie inside a line about their job."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [line.get("record", line) for line in lines]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_record_is_read_and_written_back_as_it_was(file: Path) -> None:
    for record in told(file):
        assert json.dumps(to_json(read_record(record, file))) == json.dumps(record)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_row_of_a_benchmark_is_read_and_written_back_as_it_was(name: str, tmp_path: Path) -> None:
    file = RECORDS / f"{name}.jsonl"

    for row in read_rows(BENCHMARKS[name], told(file)):
        append(tmp_path / "again.jsonl", row)

    assert (tmp_path / "again.jsonl").read_bytes() == file.read_bytes()


def test_a_row_of_a_benchmark_that_is_damaged_is_refused_naming_the_field() -> None:
    row = told(RECORDS / "draw.jsonl")[0]
    del row["seconds"]["ours"]["median"]

    with pytest.raises(InputError, match=r"a DrawRow is damaged at 'seconds.ours.median': field"):
        read_rows(DrawRow, [row])


def test_benchmarks_write_what_no_run_or_evaluation_does() -> None:
    for name in BENCHMARKS:
        for record in told(RECORDS / f"{name}.jsonl"):
            assert not {"results", "kind"} & record.keys()


@pytest.mark.parametrize(
    "file", sorted((RECORDS / "tickets").glob("*.safetensors")), ids=lambda file: file.stem
)
def test_a_ticket_is_read_and_proved(file: Path) -> None:
    assert load_tickets(file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_attacks_are_behind_every_worst_case(file: Path) -> None:
    judged = [r for r in read(file.stem) if isinstance(r, EvaluationRecord | SwitchRecord)]

    assert all(map(all_attacked, judged))


def read(file: str) -> list[Record]:
    return [read_record(record, file) for record in told(RECORDS / f"{file}.jsonl")]


def test_there_are_worst_cases_among_the_records() -> None:
    found = {type(record) for record in read("paper-quick") if getattr(record, "worst_cases", ())}

    assert found == {EvaluationRecord, SwitchRecord}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"selected": "worst"}, "at 'selected': input should be 'best' or 'last'"),
        ({"bytes": -1}, "at 'bytes': input should be greater than or equal to 0"),
        (
            {"recipe": {"task": "cook"}},
            "at 'recipe': value error, its task is not one of draw, train",
        ),
    ],
)
def test_a_damaged_record_is_refused_naming_the_field(change: dict[str, Any], message: str) -> None:
    record = told(RECORDS / "demo.jsonl")[0] | change

    with pytest.raises(InputError, match=f"^FILE is damaged {message}$"):
        read_record(record, "FILE")


def test_a_missing_number_is_named_by_its_place() -> None:
    record = told(RECORDS / "demo.jsonl")[0]
    del record["results"]["best"]["natural"]["total"]

    with pytest.raises(InputError, match=r"damaged at 'results.best.natural.total': field require"):
        read_record(record, "FILE")


def test_a_record_of_no_kind_is_refused() -> None:
    with pytest.raises(InputError, match="no record is of kind 'soup'"):
        read_record({"kind": "soup"}, "FILE")


def test_what_no_field_is_for_is_kept() -> None:
    record = told(RECORDS / "demo.jsonl")[0] | {"remark": ["by hand"]}

    assert to_json(read_record(record, "FILE")) == record


def test_the_accuracies_of_the_ticket_file_are_the_selected_ones() -> None:
    record = read("demo")[0]
    assert isinstance(record, RunRecord)
    for selected in ("best", "last"):
        changed = record.model_copy(update={"selected": selected})
        assert changed.chosen is getattr(record.results, selected)


def test_an_expectation_is_a_percentage_of_its_own() -> None:
    switch = next(record for record in read("paper-quick") if isinstance(record, SwitchRecord))
    case = switch.worst_cases[0]

    assert str(case) == f"{100 * case.expected:.1f} %"
    assert case.best_member.percent == 100 * case.best_member.correct / case.best_member.total
