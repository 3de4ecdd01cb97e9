"""Keep workers running on any executor."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from scratchticket.base.errors import InputError, Interrupted
from scratchticket.base.signals import stop_requests

POLL_SECONDS = 1.0  # between polls of the workers
MAX_RESTARTS = 20


@dataclass(frozen=True)
class Ended:
    """Why a worker ended.

    Attributes:
        how: ``done`` if no job was left; ``killed`` if the worker died without an error message,
            so that a replacement may continue; ``cancelled`` if a user cancelled it; ``broken`` if
            an error stopped it that would stop a replacement too.
        message: Error message of a broken worker.
    """

    how: Literal["done", "killed", "cancelled", "broken"]
    message: str = ""


class Worker(Protocol):
    """A worker on any executor."""

    def ended(self) -> Ended | None:
        """Return why the worker ended; None while it is running or queued."""
        ...


class Executor(Protocol):
    """A system that runs workers."""

    def start(self, numbers: Sequence[int]) -> Sequence[Worker]:
        """Start workers, one for each number."""
        ...

    def dismiss(self, workers: Sequence[Worker]) -> None:
        """Cancel queued workers, because no job is left."""
        ...

    def stop(self, workers: Sequence[Worker]) -> str:
        """Stop workers after a signal; return a message on what happens to them."""
        ...


def run_workers(executor: Executor, workers: int, observe: Callable[[], None]) -> None:
    """Start workers and wait until they end, replacing those that are killed.

    Args:
        executor: Executor of the workers.
        workers: Number of workers.
        observe: Called about once a second.

    Raises:
        Interrupted: If a signal asked to stop.
        InputError: If a worker is broken, or more than :data:`MAX_RESTARTS` were killed.
    """
    restarts, broken = 0, []
    with stop_requests() as stop:
        running = dict(enumerate(executor.start(range(workers))))
        while running:
            time.sleep(POLL_SECONDS)
            try:
                observe()
            except BaseException:
                executor.stop(list(running.values()))
                raise
            if stop():
                raise Interrupted(executor.stop(list(running.values())))
            ends = {number: end for number, worker in running.items() if (end := worker.ended())}
            running = {number: w for number, w in running.items() if number not in ends}
            if running and any(end.how == "done" for end in ends.values()):
                executor.dismiss(list(running.values()))
            broken += [end.message for end in ends.values() if end.how == "broken"]
            again = [number for number, end in ends.items() if end.how == "killed"]
            restarts += len(again)
            if restarts > MAX_RESTARTS:
                broken.append(f"workers have died {restarts} times without an error message")
            elif again:
                running |= dict(zip(again, executor.start(again), strict=True))
    observe()
    if broken:
        raise InputError(f"a worker could not continue: {broken[0]}")
