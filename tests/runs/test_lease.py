"""One process at a time works in a folder, whatever happens to the others."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from patience import PATIENCE
from scratchticket.base.errors import InputError
from scratchticket.runs import lease

DIES_HOLDING = """
import os, sys
from pathlib import Path
from scratchticket.runs import lease
assert lease.take(Path(sys.argv[1])) is not None
os._exit(1)
"""


def holders(folder: Path) -> list[Path]:
    return sorted(folder.glob("lease-*"))


def aged(path: Path, seconds: float) -> None:
    """Let a lease look as if it had not been renewed for so long."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_one_holds_a_folder_until_it_is_released(tmp_path: Path) -> None:
    first = lease.take(tmp_path / "job")
    assert first is not None
    assert lease.held(tmp_path / "job")
    assert lease.take(tmp_path / "job") is None

    first.release()

    assert not lease.held(tmp_path / "job")
    assert (second := lease.take(tmp_path / "job")) is not None
    assert second.number == 1
    second.release()
    assert not list((tmp_path / "job").iterdir())


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DIES_HOLDING, str(tmp_path)], check=False)
    assert holders(tmp_path)

    assert not lease.held(tmp_path)
    taken = lease.take(tmp_path)

    assert taken is not None
    assert taken.number == 2  # one process died here
    taken.release()


def test_an_unburied_process_holds_nothing(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", DIES_HOLDING, str(tmp_path)])
    deadline = time.monotonic() + PATIENCE
    while lease.held(tmp_path) or not holders(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.05)  # dead.wait() would bury it

    dead.wait()


def test_a_lease_of_another_machine_lasts_until_it_expires(tmp_path: Path) -> None:
    theirs = tmp_path / "lease-1"
    theirs.write_text(json.dumps({"token": "x", "host": "elsewhere", "pid": 1, "began": "1"}))
    assert lease.take(tmp_path) is None

    aged(theirs, 61)

    assert not lease.held(tmp_path)
    assert (taken := lease.take(tmp_path)) is not None
    taken.release()


def test_who_slept_too_long_learns_that_it_lost(tmp_path: Path) -> None:
    slow = lease.take(tmp_path, renews=0.3)
    assert slow is not None
    aged(slow.path, 1000)  # as if its machine had been suspended

    new = lease.take(tmp_path)

    assert new is not None
    deadline = time.monotonic() + PATIENCE
    while not slow.lost:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    slow.release()
    assert holders(tmp_path) == [new.path]
    new.release()


def test_a_lease_is_renewed(tmp_path: Path) -> None:
    mine = lease.take(tmp_path, renews=0.05)
    assert mine is not None
    aged(mine.path, 50)
    deadline = time.monotonic() + PATIENCE
    while time.time() - mine.path.stat().st_mtime > 40:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not mine.lost
    mine.release()


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    for turn in range(20):
        folder = tmp_path / str(turn)
        with ThreadPoolExecutor(8) as pool:
            taken = [
                found for found in pool.map(lambda _, f=folder: lease.take(f), range(8)) if found
            ]
        assert len(taken) == 1
        taken[0].release()


def test_a_process_that_lives_is_not_robbed_because_it_is_slow(tmp_path: Path) -> None:
    script = "import sys\nfrom pathlib import Path\nfrom scratchticket.runs import lease\n"
    script += "lease.take(Path(sys.argv[1]), renews=1000)\ninput()"
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + PATIENCE
    while not lease._token(tmp_path / "lease-1"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    aged(tmp_path / "lease-1", 120)
    assert lease.take(tmp_path) is None

    os.kill(other.pid, signal.SIGSTOP)
    while not lease._stopped(other.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    taken = lease.take(tmp_path)  # it may sleep for good

    assert taken is not None
    taken.release()
    os.kill(other.pid, signal.SIGCONT)
    other.communicate("\n", timeout=PATIENCE)


def test_who_comes_second_is_told_who_came_first(tmp_path: Path) -> None:
    with lease.held_alone(tmp_path):
        with pytest.raises(InputError, match=rf"in use by process {os.getpid()} of this machine"):
            lease.held_alone(tmp_path).__enter__()
        (holder,) = holders(tmp_path)
        facts = {"token": "x", "host": "elsewhere boot pid", "pid": 7, "began": "1"}
        holder.write_text(json.dumps(facts))
        with pytest.raises(InputError, match="in use by process 7 of elsewhere; wait until"):
            lease.held_alone(tmp_path).__enter__()


def test_what_killed_processes_left_half_written_goes(tmp_path: Path) -> None:
    for name in (".record.json.77.tmp", ".clock-77"):
        (tmp_path / name).write_text("")

    with lease.held_alone(tmp_path):
        assert not list(tmp_path.glob(".*.tmp"))

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"host": 3, "pid": "../x"}'])
def test_an_unreadable_lease_expires(tmp_path: Path, content: str) -> None:
    broken = tmp_path / "lease-1"
    broken.write_text(content)
    assert lease.take(tmp_path) is None

    aged(broken, 61)

    assert (taken := lease.take(tmp_path)) is not None
    taken.release()


def test_a_lease_that_cannot_even_be_opened_expires(tmp_path: Path) -> None:
    held = tmp_path / "lease-1"
    held.mkdir()
    assert lease.held(tmp_path)

    aged(held, lease.EXPIRES + 10)

    assert not lease.held(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match="cannot use folder"):
        lease.take(tmp_path / "file" / "job")


def test_who_looked_long_ago_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = lease.take(tmp_path)
    assert other is not None
    look, looks = lease._files, []

    def long_ago(folder: Path) -> dict[int, Path]:
        """Return at first what was there before the other process took it."""
        looks.append(folder)
        return {5: folder / "lease-5"} if len(looks) == 1 else look(folder)

    monkeypatch.setattr(lease, "_files", long_ago)
    monkeypatch.setattr(lease, "_alive", lambda path, expires: False)

    assert lease.take(tmp_path) is None

    assert holders(tmp_path) == [other.path]
    other.release()


def test_a_lease_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(lease.json, "dump", full)
        with pytest.raises(InputError, match="No space left"):
            lease.take(tmp_path)

    assert not holders(tmp_path)
