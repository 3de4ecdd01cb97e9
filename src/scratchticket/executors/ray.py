"""Workers on a Ray cluster: tasks that Ray restarts elsewhere if their node dies.

All nodes must see the store and need the same environment.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from scratchticket.base.errors import InputError, Interrupted, extra_missing, first_line, unknown
from scratchticket.base.signals import unchanged_handlers
from scratchticket.executors.crew import MAX_RESTARTS, Ended, Worker, run_workers
from scratchticket.executors.sweep import Sweep

if TYPE_CHECKING:
    import ray

SETTINGS = ("num_cpus", "num_gpus", "memory")
SAVES = 120.0  # longest wait for workers to save after a signal, in seconds


def run_on_ray(
    sweep: Sweep,
    workers: int = 1,
    *,
    device: str = "auto",
    settings: Mapping[str, str] | None = None,
    observe: Callable[[], None] = lambda: None,
) -> None:
    """Run a sweep with tasks on a Ray cluster.

    Args:
        sweep: The sweep, in a store that all nodes see.
        workers: Number of tasks.
        device: Where to compute; ``auto`` for a GPU if the worker's node has one.
        settings: ``address`` of the cluster (``auto``, the default: this machine's cluster;
            ``local``: this machine alone), and ``num_cpus``, ``num_gpus`` and ``memory`` (bytes)
            per worker.
        observe: Called about once a second.

    Raises:
        Interrupted: If a signal asked to stop; the workers have saved.
        InputError: If Ray or the cluster is missing, a setting is invalid, or a worker ended with
            an error.
    """
    try:
        import ray
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing("Ray", error, "ray") from None
    options = {"address": "auto", "num_cpus": "1", "num_gpus": "0"} | dict(settings or {})
    address = options.pop("address")
    share = {name: _number(name, value) for name, value in options.items()} | {
        "max_retries": MAX_RESTARTS
    }
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    own = not ray.is_initialized()
    if own:
        try:
            with unchanged_handlers():
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(
                f"no Ray cluster at {address!r}; start one with `ray start --head`, name yours "
                f"with address=HOST:PORT, or use address=local ({first_line(error)})"
            ) from None
    try:
        run_workers(_Ray(sweep, device, share), workers, observe)
    finally:
        if own:
            ray.shutdown()


@dataclass(frozen=True)
class _Task:
    """A worker that is a Ray task, restarted by Ray if its process or node dies."""

    reference: ray.ObjectRef[Ended]

    def ended(self) -> Ended | None:
        import ray

        done, _ = ray.wait([self.reference], timeout=0)
        if not done:
            return None
        try:
            return ray.get(self.reference)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
            return Ended("killed")
        except ray.exceptions.RayError as error:
            return Ended("broken", (str(error).splitlines() or [type(error).__name__])[-1])


@dataclass(frozen=True)
class _Ray:
    """Starts Ray tasks."""

    sweep: Sweep
    device: str
    share: dict[str, Any]

    def start(self, numbers: Sequence[int]) -> Sequence[Worker]:
        import ray

        task = ray.remote(**self.share)(_work)
        threads = max(1, int(self.share["num_cpus"]))
        return [_Task(task.remote(self.sweep, self.device, threads)) for _ in numbers]

    def dismiss(self, workers: Sequence[Worker]) -> None:
        pass  # workers see in the store that no job is left

    def stop(self, workers: Sequence[Worker]) -> str:
        import ray

        references = [worker.reference for worker in workers if isinstance(worker, _Task)]
        for reference in references:
            ray.cancel(reference)
        _, late = ray.wait(references, num_returns=len(references), timeout=SAVES)
        if late:
            return f"{len(late)} workers did not respond; their last checkpoints are kept"
        return "the workers have saved what they were doing"


def _work(sweep: Sweep, device: str, threads: int) -> Ended:
    """Run a worker in this process."""
    try:
        sweep.work(device, threads)
    except InputError as error:
        return Ended("broken", str(error))
    except (Interrupted, KeyboardInterrupt):
        return Ended("killed")
    return Ended("done")


def _number(name: str, value: str) -> float:
    """Return a setting of Ray as a number."""
    if name not in SETTINGS:
        raise unknown("setting of Ray", name, ("address", *SETTINGS))
    with suppress(ValueError):
        if 0 <= (number := float(value)) < inf:
            return number
    raise InputError(f"{name} must be a number, 0 or more, got {value!r}")
