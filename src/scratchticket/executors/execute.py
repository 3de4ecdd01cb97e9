"""Executors by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from scratchticket.base.errors import InputError, unknown
from scratchticket.executors.here import run_here, threads_of_each
from scratchticket.executors.ray import run_on_ray
from scratchticket.executors.slurm import run_on_slurm
from scratchticket.executors.sweep import Sweep
from scratchticket.executors.watch import Watch
from scratchticket.runs.records import usable_device

EXECUTORS = ("here", "slurm", "ray")


def check_crew(on: str, workers: int) -> None:
    """Raise an error for an unknown executor or an invalid number of workers.

    Raises:
        InputError: If the executor is unknown, or the number of workers is below 1.
    """
    if on not in EXECUTORS:
        raise unknown("executor", on, EXECUTORS)
    if workers < 1:
        raise InputError(f"the number of workers must be at least 1, got {workers}")


def calibrate(watch: Watch, on: str, workers: int, device: str) -> None:
    """Measure the speed of the workers if they run on this machine's CPU.

    A GPU or a cluster is not measured; its speed is known from the first finished job.

    Args:
        watch: Progress of the jobs. It estimates the time left from this measurement until a job
            is finished.
        on: Name of the executor.
        workers: Number of workers.
        device: Where to compute; ``auto`` for a GPU if there is one.

    Raises:
        InputError: If there is no such device.
    """
    if on == "here" and usable_device(device) == "cpu":
        watch.calibrate(threads_of_each(workers))


def execute(  # noqa: PLR0913
    sweep: Sweep,
    on: str,
    workers: int,
    device: str,
    settings: Mapping[str, str],
    *,
    observe: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Run a sweep on one of the executors.

    Args:
        sweep: The sweep.
        on: Name of the executor; see :func:`check_crew`.
        workers: Number of workers.
        device: Where to compute; ``auto`` for a GPU if there is one.
        settings: Settings of the executor, by name.
        observe: Called about once a second.
        tell: Called with a message when workers are submitted to a queue.

    Raises:
        Interrupted: If a signal asked to stop.
        InputError: If a setting cannot be used, or a worker ended with an error.
    """
    sweep = replace(sweep, store=str(Path(sweep.store).absolute()))  # workers may start elsewhere
    if on == "slurm":
        run_on_slurm(sweep, workers, device=device, settings=settings, observe=observe, tell=tell)
    elif on == "ray":
        run_on_ray(sweep, workers, device=device, settings=settings, observe=observe)
    elif settings:
        raise InputError("--cluster is for Slurm and Ray; add --on slurm or --on ray")
    else:
        run_here(sweep, workers, device=usable_device(device), observe=observe)
