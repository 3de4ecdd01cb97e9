"""A store on a full disk loses nothing: the same jobs go on when there is room."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_worker import judged, ticket

from disks import Disk
from scratchticket.base.errors import Unwritable
from scratchticket.sweeps import Store, work


def test_it_goes_on_when_there_is_room(disk: Disk, tmp_path: Path) -> None:
    disk.resize("150k")
    jobs = [ticket(), judged(ticket())]
    plain, store = Store(tmp_path / "plain"), Store(disk.path / "store")
    work(plain, jobs)

    with pytest.raises(Unwritable, match="No space left on device"):
        work(store, jobs)
    assert store.state(jobs[0]) == "begun"
    disk.resize("20m")
    work(store, jobs)

    assert {store.state(job) for job in jobs} == {"finished"}
    assert store.ticket(jobs[0]).read_bytes() == plain.ticket(jobs[0]).read_bytes()
    assert not list(disk.path.rglob("*.tmp"))
