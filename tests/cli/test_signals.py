"""Signals at any moment: a line, code 2, nothing half-written, and the next start goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import pytest

from patience import PATIENCE
from scratchticket.base.signals import interruptible, unchanged_handlers
from scratchticket.executors.here import _work
from test_cli import call
from test_faults import DRAW, done, drawn, litter, refused, same_ticket

assert drawn  # a fixture

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2]


def raises(number: signal.Signals, times: int = 1) -> Callable[..., None]:
    """Return a function that sends this process a signal."""

    def send(*words: object, **settings: object) -> None:
        for _ in range(times):
            os.kill(os.getpid(), number)

    return send


@pytest.fixture
def fsync(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], None]], None]:
    """Do something once, in the middle of writing a file of this name."""
    force = os.fsync

    def arrange(name: str, what: Callable[[], None]) -> None:
        def meanwhile(handle: int) -> None:
            if name in Path(f"/proc/self/fd/{handle}").readlink().name:
                monkeypatch.setattr("os.fsync", force)
                what()
            force(handle)

        monkeypatch.setattr("os.fsync", meanwhile)

    return arrange


class Interrupting:
    """Is interrupted while it is removed, where Python ignores what is raised."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_one_that_comes_in_a_destructor_is_not_lost() -> None:
    before = sys.unraisablehook

    with pytest.raises(KeyboardInterrupt), interruptible():
        Interrupting()
        for _ in range(int(10 * PATIENCE)):  # until the interruption comes again
            time.sleep(0.1)

    assert sys.unraisablehook is before


def test_a_library_that_takes_a_signal_does_not_keep_it() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with unchanged_handlers():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(15))
    assert signal.getsignal(signal.SIGTERM) is before

    with pytest.raises(KeyboardInterrupt), unchanged_handlers():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(15))
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("number", SIGNALS)
def test_while_data_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    monkeypatch.setattr("scratchticket.runs.run.load_data", raises(number))

    said = refused(*DRAW, "--out", tmp_path / "run")

    assert said == "interrupted; resume with the same command and --resume\n"
    assert not (tmp_path / "run").exists()
    assert signal.getsignal(number) is before


def test_while_the_search_is_set_up(
    tmp_path: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("scratchticket.learning.loop._Run.restore", raises(signal.SIGTERM))
        said = refused(*DRAW, "--out", tmp_path)

    assert said.startswith("interrupted: stopped after step 0 of 4; resume with the same command")
    assert not litter(tmp_path)
    done(*DRAW, "--out", tmp_path, "--resume")
    assert same_ticket(drawn, tmp_path)


@pytest.mark.parametrize(("times", "said"), [(1, "stopped after step 4 of 4"), (2, "interrupted;")])
def test_while_a_checkpoint_is_written(
    tmp_path: Path, drawn: Path, fsync: Callable[..., None], times: int, said: str
) -> None:
    fsync("checkpoint", raises(signal.SIGINT, times))

    assert said in refused(*DRAW, "--out", tmp_path)

    assert not litter(tmp_path)
    assert (tmp_path / "checkpoint.safetensors").exists() == (times == 1)
    done(*DRAW, "--out", tmp_path, "--resume")
    assert same_ticket(drawn, tmp_path)


@pytest.mark.parametrize("name", ["ticket.safetensors", "examples.svg", "record.json"])
def test_while_results_are_written(
    tmp_path: Path, drawn: Path, fsync: Callable[..., None], name: str
) -> None:
    fsync(name, raises(signal.SIGTERM))

    assert refused(*DRAW, "--out", tmp_path).startswith("interrupted; resume with the same command")

    assert not litter(tmp_path)
    assert not (tmp_path / name).exists()
    assert (tmp_path / "checkpoint.safetensors").exists()
    done(*DRAW, "--out", tmp_path, "--resume")
    assert same_ticket(drawn, tmp_path)


def test_while_a_ticket_is_judged(
    tmp_path: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("scratchticket.runs.run.measured_accuracies", raises(signal.SIGUSR1))
        said = refused(*DRAW, "--out", tmp_path)

    assert said.startswith("interrupted; resume with the same command and --resume")
    done(*DRAW, "--out", tmp_path, "--resume")
    assert same_ticket(drawn, tmp_path)


def test_while_a_report_is_written(tmp_path: Path, fsync: Callable[..., None]) -> None:
    (tmp_path / "store").mkdir()
    words: list[Any] = ["report", "figure4", "--store", tmp_path / "store"]
    words += ["--out", tmp_path / "page.html"]
    done(*words)
    page = (tmp_path / "page.html").read_bytes()
    fsync("page.html", raises(signal.SIGINT))

    assert refused(*words) == "interrupted; repeat the command to write the report\n"

    assert (tmp_path / "page.html").read_bytes() == page
    assert not litter(tmp_path)
    assert call(*words)[0] == 0


def test_before_anything_has_begun() -> None:
    script = """
import os, signal, sys
class Stops:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Stops())
from scratchticket.__main__ import main
main()
"""
    stopped = subprocess.run(
        [sys.executable, "-c", script, "draw"], capture_output=True, text=True, check=False
    )

    assert stopped.returncode == 2
    assert stopped.stderr == "interrupted: nothing had begun\n"


def test_while_the_program_ends() -> None:
    script = """
import atexit, os, signal, sys
from scratchticket.__main__ import main
atexit.register(os.kill, os.getpid(), signal.SIGINT)
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", script, "--version"], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0
    assert ended.stdout.startswith("scratchticket ")
    assert ended.stderr == ""


class Hit:
    """Work that is done when Ctrl-C comes, while its process ends."""

    def work(self, device: str, threads: int | None) -> None:
        Finalize(None, os.kill, args=(os.getpid(), signal.SIGINT), exitpriority=0)


def test_while_a_worker_ends(capfd: pytest.CaptureFixture[str]) -> None:
    worker = multiprocessing.get_context("spawn").Process(target=_work, args=(Hit(), "cpu", None))

    worker.start()
    worker.join()

    assert worker.exitcode == 0
    assert capfd.readouterr().err == ""
