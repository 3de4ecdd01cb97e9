"""A store on a full disk loses nothing: the same jobs go on when there is room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_worker import judged, ticket

from scratchticket.errors import Unwritable
from scratchticket.experiments.sweeps import Store, work


def mount(*words: str) -> bool:
    """Call mount; return whether it could."""
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 150 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=150k", "tmpfs", str(folder)):
        pytest.skip("a full disk: needs root to mount one")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_it_goes_on_when_there_is_room(disk: Path, tmp_path: Path) -> None:
    jobs = [ticket(), judged(ticket())]
    plain, store = Store(tmp_path / "plain"), Store(disk / "store")
    work(plain, jobs)

    with pytest.raises(Unwritable, match="No space left on device"):
        work(store, jobs)
    assert store.state(jobs[0]) == "begun"
    assert mount("-o", "remount,size=20m", str(disk))
    work(store, jobs)

    assert {store.state(job) for job in jobs} == {"finished"}
    assert store.ticket(jobs[0]).read_bytes() == plain.ticket(jobs[0]).read_bytes()
    assert not list(disk.rglob("*.tmp"))
