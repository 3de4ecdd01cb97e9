"""Other programs' load, and the number of threads that follows from it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from scratchticket.base import cores
from scratchticket.base.cores import (
    Reading,
    free_cores,
    leave_occupied_cores,
    read_clocks,
    use_threads,
)

TICK = os.sysconf("SC_CLK_TCK")
START = Reading(100.0, 50.0, 1.0)


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four cores, four threads, and a user who has chosen nothing."""
    monkeypatch.setattr(cores, "usable_cores", lambda: range(4))
    for name in cores.USER_CHOICES:
        monkeypatch.delenv(name, raising=False)
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(1)


def statistics(path: Path, *rows: tuple[str, list[int]]) -> Path:
    file = path / "stat"
    lines = [f"{name} {' '.join(str(value * TICK) for value in values)}" for name, values in rows]
    file.write_text("\n".join([*lines, "ctxt 12", "btime 1764580000"]))
    return file


def test_busy_time_is_that_of_the_cores_of_this_process_without_idle_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: {1, 3})
    row = [1, 2, 4, 1000, 2000, 8, 16, 32, 64, 128]  # the last two are of guests, in the first two
    other = [7] * 10

    reading = read_clocks(
        statistics(tmp_path, ("cpu", other), ("cpu0", other), ("cpu1", row), ("cpu3", row))
    )

    assert reading is not None
    assert reading.busy == 2 * (1 + 2 + 4 + 8 + 16 + 32)


def test_elsewhere_than_on_linux_nothing_is_known_or_changed(tmp_path: Path, four: None) -> None:
    assert read_clocks(tmp_path / "none") is None
    assert free_cores(None, START) is None


@pytest.mark.parametrize(
    ("by_others", "free"), [(0.0, 4), (0.49, 4), (0.51, 3), (1.4, 3), (2.6, 1), (4.0, 1), (-0.9, 4)]
)
def test_a_core_is_occupied_if_busy_for_more_than_half_of_the_time(
    by_others: float, free: int, four: None
) -> None:
    own = 9.0
    assert free_cores(START, Reading(110.0, 50.0 + own + 10 * by_others, 1.0 + own)) == free


def test_a_very_short_interval_tells_nothing(four: None) -> None:
    assert free_cores(START, Reading(100.1, 60.0, 1.0)) is None


def test_fewer_threads_are_used_and_a_note_says_how_to_use_all(
    four: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "STARTED", START)
    monkeypatch.setattr(cores, "read_clocks", lambda: Reading(110.0, 70.0, 1.0))

    (note,) = leave_occupied_cores()

    assert torch.get_num_threads() == 2
    assert "2 of 4 threads" in note
    assert "OMP_NUM_THREADS=4" in note
    assert leave_occupied_cores() == []  # there are as many threads as free cores now


def test_the_users_number_of_threads_is_kept(four: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "STARTED", START)
    monkeypatch.setattr(cores, "read_clocks", lambda: Reading(110.0, 90.0, 1.0))
    monkeypatch.setenv("OMP_NUM_THREADS", "4")

    assert leave_occupied_cores() == []
    use_threads(2)

    assert torch.get_num_threads() == 4


@pytest.mark.parametrize(("count", "used"), [(2, 2), (4, 4), (None, 3), (5, 3), (0, 3)])
def test_a_resumed_run_has_the_threads_it_began_with(
    count: int | None, used: int, four: None
) -> None:
    torch.set_num_threads(3)
    use_threads(count)
    assert torch.get_num_threads() == used


def test_a_process_that_never_rests_is_noticed() -> None:
    if read_clocks() is None:
        pytest.skip("the load is known on Linux only")
    core = min(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    before = os.sched_getaffinity(0)
    with subprocess.Popen([sys.executable, "-c", code]) as busy:
        try:
            os.sched_setaffinity(0, {core})  # so that no other core's load counts
            time.sleep(0.5)
            since = read_clocks()
            time.sleep(1)
            until = read_clocks()
        finally:
            os.sched_setaffinity(0, before)
            busy.kill()

    assert since is not None
    assert until is not None
    assert (until.busy - since.busy) - (until.own - since.own) > 0.5
