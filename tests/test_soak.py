"""A minute of the soak: sweeps killed at random moments leave what undisturbed ones leave."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[1] / "tools" / "soak.py"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_minute_of_kills_leaves_what_an_undisturbed_worker_leaves(tmp_path: Path) -> None:
    words = ["figure4", "--minutes", "1", "--seed", "1", "--out", str(tmp_path / "soak")]
    done = subprocess.run(
        [sys.executable, str(SOAK), *words], capture_output=True, text=True, check=False
    )

    summary = json.loads(done.stdout)
    assert summary["problems"] == [], done.stderr
    assert done.returncode == 0
    assert sum(summary["hits"].values()) > 0
