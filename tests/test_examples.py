"""Every example file runs."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from patience import PATIENCE

ROOT = Path(__file__).parents[1]
ARGUMENTS = {
    "demo.py": ["OUT"],
    "draw_from_python.py": ["1"],
    "vision_transformer.py": ["1"],
}
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


def test_every_example_is_listed_here() -> None:
    assert sorted(ARGUMENTS) == EXAMPLES


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "demo.py"])
def test_examples_run(name: str) -> None:
    words = [sys.executable, str(ROOT / "examples" / name), *ARGUMENTS[name]]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)

    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_demo_runs_on_one_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo = runpy.run_path(str(ROOT / "examples" / "demo.py"))
    demo["SETTINGS"].update({"learning.epochs": 1, "network.width": 2})
    folder = tmp_path / "demo"

    demo["main"](folder, 0)
    before = (folder / "record.json").stat().st_mtime_ns
    (folder / "dense" / "record.json").unlink()
    demo["main"](folder, 0)  # only the dense network was not finished
    assert (folder / "record.json").stat().st_mtime_ns == before
    demo["main"](folder, 0)  # finished: it is run again
    assert (folder / "record.json").stat().st_mtime_ns > before

    printed = capsys.readouterr().out
    for word in ("ticket, untrained", "dense, trained", "robust", "ticket.safetensors"):
        assert word in printed
    for name in ("ticket.safetensors", "record.json", "dense/network.safetensors"):
        assert (tmp_path / "demo" / name).stat().st_size > 0


def test_dev_py_waits_for_a_command_that_saves_after_ctrl_c(tmp_path: Path) -> None:
    slow = "import time\ntry: print('up', flush=True); time.sleep(60)\n"
    slow += "except KeyboardInterrupt: time.sleep(1); print('saved'); raise SystemExit(2)"
    code = f"import dev; dev.call({sys.executable!r}, '-c', {slow!r}, quiet=True)"
    words = [sys.executable, "-c", code]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(words, cwd=ROOT, start_new_session=True, **pipes)  # type: ignore[call-overload]
    assert process.stdout.readline() == "up\n"

    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out, err) == (2, "saved\n", "")


def test_dev_py_explains_itself_and_refuses_other_words() -> None:
    words = [sys.executable, str(ROOT / "dev.py")]
    environment = {"PATH": os.environ["PATH"]}

    told = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    wrong = subprocess.run([*words, "dmeo"], capture_output=True, check=False, env=environment)

    assert "python3 dev.py demo" in told.stdout
    assert wrong.returncode == 2
