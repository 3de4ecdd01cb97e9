"""The executors by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from scratchticket.errors import InputError, unknown
from scratchticket.experiments.executors.here import run_here
from scratchticket.experiments.executors.ray import run_on_ray
from scratchticket.experiments.executors.slurm import run_on_slurm
from scratchticket.experiments.executors.sweep import Sweep
from scratchticket.experiments.records import usable_device

EXECUTORS = ("here", "slurm", "ray")


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
    """Do a sweep on one of the executors.

    Args:
        sweep: What to do.
        on: Name of the executor.
        workers: How many.
        device: Where to compute; ``auto`` for a GPU if there is one.
        settings: Of the executor, by name.
        observe: Called about once a second.
        tell: Called with what was submitted to a queue.

    Raises:
        Interrupted: If a signal asked to stop.
        InputError: If the executor or a setting cannot be used, or a worker could not go on.
    """
    sweep = replace(sweep, store=str(Path(sweep.store).absolute()))  # wherever workers start
    if on == "slurm":
        run_on_slurm(sweep, workers, device=device, settings=settings, observe=observe, tell=tell)
    elif on == "ray":
        run_on_ray(sweep, workers, device=device, settings=settings, observe=observe)
    elif on != "here":
        raise unknown("executor", on, EXECUTORS)
    elif settings:
        raise InputError("--cluster is for Slurm and Ray; add --on slurm or --on ray")
    else:
        run_here(sweep, workers, device=usable_device(device), observe=observe)
