"""A store on a slow disk: who waits for it to write is not robbed of a job."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from test_worker import DRAW, ticket

from patience import PATIENCE
from scratchticket.runs import lease
from scratchticket.sweeps import Store

EXPIRES, RENEWS, WRITES = 3.0, 0.3, 5.0  # seconds; a write takes longer than a lease lasts
SLOW = f"""
import os, sys, time
from pathlib import Path
from scratchticket.runs import lease
from scratchticket.sweeps import Job, Store, work
lease.take.__defaults__ = {EXPIRES}, {RENEWS}
lease._host = lambda: 'elsewhere'  # else its process is seen to live
force, touch, slow = os.fsync, os.utime, []
def fsync(handle):
    if "checkpoint" in Path(f"/proc/self/fd/{{handle}}").readlink().name and not slow:
        slow.append(handle)
        time.sleep({WRITES})
    force(handle)
def utime(*words, **settings):
    time.sleep({RENEWS})
    touch(*words, **settings)
os.fsync, os.utime = fsync, utime
work(Store(Path(sys.argv[1])), [Job("run", {DRAW!r})])
"""


def test_writes_that_take_longer_than_a_lease_lasts(tmp_path: Path) -> None:
    store, job = Store(tmp_path / "store"), ticket()
    worker = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(store.path)], stderr=subprocess.PIPE, text=True
    )
    held, deadline = 0, time.monotonic() + PATIENCE
    while store.record(job) is None and worker.poll() is None:
        assert time.monotonic() < deadline
        if lease.held(store.folder(job), EXPIRES):
            taken = lease.take(store.folder(job), EXPIRES)
            assert taken is None or store.record(job) is not None  # given back this moment
            held += 1
        time.sleep(0.1)

    _, said = worker.communicate(timeout=PATIENCE)
    assert (worker.returncode, said) == (0, "")
    assert held > WRITES  # looked at all the while
    assert store.state(job) == "finished"
    assert not [f for f in store.folder(job).iterdir() if f.name.startswith((".", "lease-"))]
