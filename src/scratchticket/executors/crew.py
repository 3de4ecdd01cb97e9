"""A crew: workers that are kept at work, whatever runs them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from scratchticket.base.errors import InputError, Interrupted
from scratchticket.base.signals import stop_requests

LOOKS = 1.0  # seconds between looks at the workers
RESTARTS = 20


@dataclass(frozen=True)
class Ended:
    """How a worker ended.

    Attributes:
        how: ``done`` when nothing was left to do, ``killed`` without a word, ``cancelled`` by
            somebody, or ``broken``: it could not go on, and no other could in its place.
        said: Its last words.
    """

    how: Literal["done", "killed", "cancelled", "broken"]
    said: str = ""


class Worker(Protocol):
    """A worker somewhere."""

    def ended(self) -> Ended | None:
        """Return how it ended; none as long as it works or waits for its turn."""
        ...


class Executor(Protocol):
    """What runs workers."""

    def start(self, numbers: Sequence[int]) -> Sequence[Worker]:
        """Start workers, one for each number."""
        ...

    def dismiss(self, workers: Sequence[Worker]) -> None:
        """Do what is due to workers when nothing is left to do: those in a queue need not come."""
        ...

    def stop(self, workers: Sequence[Worker]) -> str:
        """Do what is due to workers when a signal asks to stop; return it in words."""
        ...


def keep_at_work(executor: Executor, workers: int, observe: Callable[[], None]) -> None:
    """Start workers and wait for their end; replace those that are killed.

    Args:
        executor: What runs them.
        workers: How many.
        observe: Called about once a second.

    Raises:
        Interrupted: If a signal asked to stop.
        InputError: If one of them could not go on.
    """
    restarts, broken = 0, []
    with stop_requests() as stop:
        running = dict(enumerate(executor.start(range(workers))))
        while running:
            time.sleep(LOOKS)
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
            broken += [end.said for end in ends.values() if end.how == "broken"]
            again = [number for number, end in ends.items() if end.how == "killed"]
            restarts += len(again)
            if restarts > RESTARTS:
                broken.append(f"workers have died {restarts} times without a word")
            elif again:
                running |= dict(zip(again, executor.start(again), strict=True))
    observe()
    if broken:
        raise InputError(f"a worker could not go on: {broken[0]}")
