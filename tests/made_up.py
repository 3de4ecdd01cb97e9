"""Made-up records, as short as the reader of records allows."""

from __future__ import annotations

from typing import Any


def run_record(task: str = "draw", correct: int = 100, *, natural: int | None = None) -> Any:
    """Return the JSON of a run's record; of 360 test images so many are right under attack."""
    counts = {"correct": correct, "total": 360, "interval": [0.0, 1.0]}
    attack = counts | {"title": "pgd-20", "name": "pgd", "norm": "linf", "epsilon": "0.1"}
    unattacked = counts | {"correct": correct if natural is None else natural}
    result = {"epoch": 1, "natural": unattacked, "attacks": [attack]}
    return {
        "format": 1,
        "recipe": {"task": task},
        "selected": "best",
        "bytes": 0,
        "results": {"best": result, "last": result},
        "weights": {"kept": 50_000, "total": 100_000},
    }
