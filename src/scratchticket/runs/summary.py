"""One-line summaries of records."""

from __future__ import annotations

from scratchticket.base.record import EvaluationRecord, Record, RunRecord, SwitchRecord


def outcome(record: Record) -> str:
    """Return the result of a record: accuracies of a run, or the worst case of an evaluation."""
    if isinstance(record, RunRecord):
        robust = "".join(f", robust {row}" for row in record.chosen.attacks)
        return f"natural {record.chosen.natural}{robust}"
    if isinstance(record, EvaluationRecord | SwitchRecord) and record.worst_case is not None:
        return f"worst case {record.worst_case}"
    return "done"
