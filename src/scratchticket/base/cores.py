"""Processor cores that other programs leave free.

Threads that compute together wait for each other after every operation. If another program occupies
the core of one of them, all wait for it, and a command with two threads takes longer than with one.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

USER_CHOICES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")  # if either is set, nothing is changed
SHORTEST = 0.2  # minimum interval for measuring the load, in seconds
_IDLE = (3, 4)  # columns of idle time in /proc/stat: idle, and idle while waiting for a disk


@dataclass(frozen=True)
class Reading:
    """Elapsed time and processor time at one moment.

    Attributes:
        moment: Seconds since some fixed moment.
        busy: Seconds of work by all programs, summed over the cores that this process may use.
        own: Seconds of work by this process and its ended children, summed over the cores.
    """

    moment: float
    busy: float
    own: float


def read_clocks(statistics: Path = Path("/proc/stat")) -> Reading | None:
    """Return the current reading; None on a system without the ``/proc/stat`` of Linux."""
    try:
        usable = {f"cpu{number}" for number in usable_cores()}
        lines = [line.split() for line in statistics.read_text().splitlines()]
        ticks = [
            int(value)
            for name, *values in lines
            if name in usable
            for column, value in enumerate(values[:8])  # guest time is part of user time
            if column not in _IDLE
        ]
        seconds = sum(ticks) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return None
    return Reading(time.monotonic(), seconds, sum(os.times()[:4]))


def usable_cores() -> Collection[int]:
    """Return the numbers of the cores that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)  # not on every system
    return usable(0) if usable else range(os.cpu_count() or 1)


STARTED = read_clocks()  # when this module was imported: before PyTorch, which takes a second


def free_cores(since: Reading | None, until: Reading | None) -> int | None:
    """Return how many cores other programs left free between two moments, at least 1.

    A core counts as occupied if it was busy for more than half of the time. Returns None if the
    load is not known, or the interval is shorter than :data:`SHORTEST`.
    """
    if since is None or until is None or until.moment - since.moment < SHORTEST:
        return None
    by_others = (until.busy - since.busy) - (until.own - since.own)
    occupied = math.floor(by_others / (until.moment - since.moment) + 0.5)
    return max(1, len(usable_cores()) - max(0, occupied))


def leave_occupied_cores() -> list[str]:
    """Reduce PyTorch's threads to the number of free cores; return a note if this changed it.

    The load is measured since :data:`STARTED`. Nothing is changed if the user has chosen a number
    of threads (:data:`USER_CHOICES`).
    """
    import torch

    free, threads = free_cores(STARTED, read_clocks()), torch.get_num_threads()
    if free is None or free >= threads or _chosen_by_user():
        return []
    torch.set_num_threads(free)
    return [
        f"other programs keep processor cores busy, so {free} of {threads} threads are used; "
        f"set OMP_NUM_THREADS={threads} to use all"
    ]


def use_threads(count: int | None) -> None:
    """Set PyTorch's number of threads, on which the last bits of a run's results depend.

    Nothing is changed if ``count`` is None or exceeds the number of usable cores, or if the user
    has chosen a number of threads (:data:`USER_CHOICES`).
    """
    import torch

    if count is None or _chosen_by_user() or not 1 <= count <= len(usable_cores()):
        return
    torch.set_num_threads(count)


def _chosen_by_user() -> bool:
    return any(name in os.environ for name in USER_CHOICES)
