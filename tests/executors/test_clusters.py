"""Clusters give what one process gives, whatever happens to their workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from slurm_node import missing, slurm_node

from scratchticket.base.errors import InputError
from scratchticket.base.record import FeaturesRecord, RunRecord, to_json
from scratchticket.base.signals import unchanged_handlers
from scratchticket.executors import Sweep, run_on_ray, run_on_slurm
from scratchticket.executors.slurm import SlurmWorker

pytestmark = pytest.mark.xdist_group("clusters")  # one of each on a machine
CHANGES = {"learning.epochs": "20", "network.width": "4", "data.train_images": "256"}
TWO_WORKERS = {"cpus_per_task": "1", "time": "60"}


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """Three runs of a few seconds, and a job that needs them."""
    return Sweep(("figure4",), "quick", str(tmp_path / "store"), changes=tuple(CHANGES.items()))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of the same sweep in this process."""
    store = str(tmp_path_factory.mktemp("plain") / "store")
    sweep = Sweep(("figure4",), "quick", store, changes=tuple(CHANGES.items()))
    sweep.work("cpu", 1)
    return results(sweep)


def results(sweep: Sweep) -> dict[str, Any]:
    """Return what is in a store, without times and places."""
    store, found = sweep.open(), {}
    for job in sweep.jobs():
        record = store.record(job)
        if isinstance(record, RunRecord):
            found[job.label] = _judged(record)
        else:
            assert isinstance(record, FeaturesRecord)
            found[job.label] = record.distances
        if job.kind == "run":
            found[f"{job.label}, file"] = sha256(store.ticket(job).read_bytes()).hexdigest()
    return found


def _judged(record: RunRecord) -> Any:
    told = json.dumps(to_json(record.results))
    return json.loads(told, object_hook=lambda facts: {**facts, "seconds": None})


def begun(sweep: Sweep) -> list[Path]:
    """Return the leases of jobs that have done some steps."""
    return [
        lease
        for lease in Path(sweep.store).glob("*/lease-*")
        if (lease.parent / "progress").exists() and "run" in (lease.parent / "job.json").read_text()
    ]


class Once:
    """Does things in their order, each once, when it is time for it.

    Args:
        steps: Each returns whether it was time.
    """

    def __init__(self, *steps: Callable[[], bool]) -> None:
        self.left = list(steps)

    def __call__(self) -> None:
        if self.left and self.left[0]():
            self.left.pop(0)


# Slurm


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cluster of one node for the tests of this file."""
    pytest.importorskip("submitit")
    if reason := missing():
        pytest.skip(f"Slurm: {reason}")
    with slurm_node(tmp_path_factory.mktemp("slurm")) as configuration:
        os.environ["SLURM_CONF"] = str(configuration)
        yield
        del os.environ["SLURM_CONF"]


def queued(state: str = "PENDING,RUNNING") -> list[str]:
    """Return the names of the jobs in the queue."""
    words = ["squeue", "--noheader", "--array", f"--states={state}", "--format=%i"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def call(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


class Left(Exception):
    """Whoever watched has gone."""


def leave() -> bool:
    raise Left


@pytest.mark.usefixtures("slurm")
def test_slurm_workers_are_requeued_found_again_and_replaced(
    sweep: Sweep, plain: dict[str, Any]
) -> None:
    said: list[str] = []
    saved: list[Path] = []

    def run(*steps: Callable[[], bool]) -> None:
        once = Once(*steps)
        run_on_slurm(sweep, 2, settings=TWO_WORKERS, polls=1.0, tell=said.append, observe=once)
        assert not once.left

    def time_is_up() -> bool:
        if len(at_work := begun(sweep)) < 2:  # both have loaded what they need
            return False
        saved.append(at_work[0].parent / "checkpoint.safetensors")
        for name in queued():
            call("scancel", "--signal=USR2", name)
        return True

    def it_waits_again() -> bool:
        if begun(sweep):
            return False
        assert saved[0].exists()
        if len(waiting := queued("PENDING")) < 2:
            return False
        for name in waiting:
            call("scontrol", "update", f"JobId={name}", "StartTime=now")
        return True

    def one_is_killed() -> bool:
        if not (at_work := begun(sweep)):
            return False
        os.kill(json.loads(at_work[0].read_text())["pid"], signal.SIGKILL)
        return True

    with pytest.raises(Left):
        run(leave)
    run(time_is_up, it_waits_again, one_is_killed)

    assert results(sweep) == plain
    assert [line for line in said if "already" in line] == ["2 workers are in the queue already"]
    assert sum("submitted" in line for line in said) == 2  # both, then one that was killed
    logs = [path.read_text() for path in Path(sweep.store).glob(".slurm/*/*_log.*")]
    assert any("Requeued job" in log or "JOB REQUEUE" in log for log in logs)


@pytest.mark.usefixtures("slurm")
def test_a_cancelled_worker_is_not_replaced_and_the_other_goes_on(
    sweep: Sweep, plain: dict[str, Any]
) -> None:
    said: list[str] = []

    def cancel() -> bool:
        if len(begun(sweep)) < 2:
            return False
        call("scancel", queued()[0])
        return True

    once = Once(cancel)
    run_on_slurm(sweep, 2, settings=TWO_WORKERS, polls=1.0, tell=said.append, observe=once)

    assert not once.left
    assert len(said) == 1
    assert results(sweep) == plain


@pytest.mark.usefixtures("slurm")
def test_what_slurm_refuses_is_one_line(sweep: Sweep) -> None:
    with pytest.raises(InputError, match="Slurm rejects the jobs: .*Invalid partition") as error:
        run_on_slurm(sweep, 1, settings={"partition": "none"})
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.usefixtures("slurm")
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"time": "soon"}, "time must be minutes"),
        ({"nodes": "1-2"}, "nodes cannot be set"),
        ({"setup": "x"}, "setup cannot be set"),
        ({"mem": "much"}, "Slurm rejects the jobs"),
        ({"no_such_option": "1"}, "Slurm rejects the jobs: .*no-such-option"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(
    sweep: Sweep, setting: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        run_on_slurm(sweep, 1, settings=setting)
    assert queued() == []


@pytest.mark.parametrize(("code", "ends"), [(-signal.SIGTERM, SystemExit), (1, None)])
def test_slurm_may_end_a_requeued_job_before_scontrol_returns(
    code: int, ends: type[BaseException] | None, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = subprocess.CalledProcessError(code, "scontrol")

    def requeue(number: int, frame: object) -> None:
        raise refused

    monkeypatch.setattr(Sweep, "work", lambda *_: os.kill(os.getpid(), signal.SIGUSR2))
    before = signal.signal(signal.SIGUSR2, requeue)
    try:
        with pytest.raises(ends or subprocess.CalledProcessError) as raised:
            SlurmWorker()(sweep, "cpu")
    finally:
        signal.signal(signal.SIGUSR2, before)

    assert ends is not None or raised.value is refused


@pytest.mark.usefixtures("slurm")
def test_a_worker_that_cannot_go_on_is_told(sweep: Sweep) -> None:
    with pytest.raises(InputError, match="could not continue: no device 'nothing' here"):
        run_on_slurm(sweep, 1, device="nothing", polls=1.0)


def test_no_slurm_is_one_line(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="Slurm is not installed here"):
        run_on_slurm(sweep)


# Ray


def test_ray_goes_on_when_a_node_dies(sweep: Sweep, plain: dict[str, Any]) -> None:
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with unchanged_handlers():
        cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        node = cluster.add_node(num_cpus=1)

    def a_node_dies() -> bool:
        if len(begun(sweep)) < 2:
            return False
        cluster.remove_node(node, allow_graceful=False)
        return True

    once = Once(a_node_dies)
    try:
        run_on_ray(sweep, 2, settings={"address": cluster.address}, observe=once)
    finally:
        cluster.shutdown()

    assert not once.left
    assert results(sweep) == plain


def test_no_ray_is_one_line(sweep: Sweep) -> None:
    pytest.importorskip("ray")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(InputError, match="no Ray cluster at 'auto'"):
        run_on_ray(sweep)
    assert signal.getsignal(signal.SIGTERM) is before  # Ray's own would end the process
