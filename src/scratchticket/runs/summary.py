"""A record in a line."""

from __future__ import annotations

from typing import Any

KINDS = ("draw", "train", "evaluation", "transfer", "switch", "features")


def outcome(record: dict[str, Any]) -> str:
    """Return the result of a record: accuracies of a run, or the worst case of an evaluation."""
    if "results" in record:
        result = record["results"][record["selected"]]
        robust = "".join(f", robust {_percent(counts)}" for counts in result["attacks"])
        return f"natural {_percent(result['natural'])}{robust}"
    if record.get("worst_case") is None:
        return "done"
    return f"worst case {_percent(record['worst_case'])}"


def usable(record: Any) -> bool:
    """Whether a record has a kind, a result and a subject."""
    try:
        outcome(record)
        kind = record["recipe"]["task"] if "results" in record else record["kind"]
        if kind not in KINDS:
            return False
        return isinstance(record.get("machine", {}), dict)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return False


def _percent(counts: dict[str, Any]) -> str:
    """Return counts, or an expectation, as a percentage."""
    share = counts["expected"] if "expected" in counts else counts["correct"] / counts["total"]
    return f"{100 * share:.1f} %"
