"""Every example file runs."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARGUMENTS = {"demo.py": ["OUT"], "draw_from_python.py": ["1"]}
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


def test_every_example_is_listed_here() -> None:
    assert sorted(ARGUMENTS) == EXAMPLES


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "demo.py"])
def test_examples_run(name: str) -> None:
    words = [sys.executable, str(ROOT / "examples" / name), *ARGUMENTS[name]]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=200)

    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_demo_runs_on_one_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo = runpy.run_path(str(ROOT / "examples" / "demo.py"))
    demo["SETTINGS"].update({"learning.epochs": 1, "network.width": 2})

    demo["main"](tmp_path / "demo", 0)
    demo["main"](tmp_path / "demo", 0)  # a finished demo is run again

    printed = capsys.readouterr().out
    for word in ("ticket, untrained", "dense, trained", "robust", "ticket.safetensors"):
        assert word in printed
    for name in ("ticket.safetensors", "record.json", "dense/network.safetensors"):
        assert (tmp_path / "demo" / name).stat().st_size > 0


def test_dev_py_explains_itself_and_refuses_other_words() -> None:
    words = [sys.executable, str(ROOT / "dev.py")]
    environment = {"PATH": os.environ["PATH"]}

    told = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    wrong = subprocess.run([*words, "dmeo"], capture_output=True, check=False, env=environment)

    assert "python3 dev.py demo" in told.stdout
    assert wrong.returncode == 2
