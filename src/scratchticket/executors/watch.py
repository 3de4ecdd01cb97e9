"""A look at a sweep from outside: what is done, what runs, how long the rest may take."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import mean
from typing import Any

from scratchticket.base.files import canonical_json
from scratchticket.sweeps import Job, Store
from scratchticket.sweeps.job import START
from scratchticket.sweeps.store import State


class Watch:
    """Where the jobs of a sweep stand.

    Args:
        store: Where they are done.
        jobs: All of them.
        costs: Seconds of a job by its kind, for as long as none like it is finished.
    """

    def __init__(
        self, store: Store, jobs: Sequence[Job], costs: Mapping[str, float] | None = None
    ) -> None:
        self.store, self.jobs, self._costs = store, jobs, costs or {}
        self.states: dict[Job, State] = {}
        self.look()

    def look(self) -> list[Job]:
        """Look again.

        Returns:
            The jobs that have been finished or have failed since the last look.
        """
        before = dict(self.states)
        for job in self.jobs:
            if before.get(job) != "finished":
                self.states[job] = self.store.state(job)
        ended = {"finished", "failed"}
        return [
            job
            for job, state in self.states.items()
            if state in ended and before.get(job) not in ended
        ]

    @property
    def counts(self) -> Counter[State]:
        """How many jobs are in which state."""
        return Counter(self.states.values())

    @property
    def running(self) -> list[Job]:
        """The jobs that somebody works on."""
        return [job for job, state in self.states.items() if state == "running"]

    @property
    def failed(self) -> list[Job]:
        """The jobs that failed; those that need them wait."""
        return [job for job, state in self.states.items() if state == "failed"]

    def left(self, workers: int = 1, *, again: bool = False) -> tuple[float, int]:
        """Estimate how long the rest takes, from what finished jobs like them took.

        Args:
            workers: Who share the rest.
            again: Whether failed jobs are tried again.

        Returns:
            Seconds, and how many jobs they leave out, of which nothing is known.
        """
        took: dict[str, list[float]] = defaultdict(list)
        for job, state in self.states.items():
            if state == "finished" and (seconds := self.store.spent(job)):
                took[_like(job)].append(seconds)
        left, unknown = 0.0, 0
        for job, state in self.states.items():
            if state == "finished" or (state == "failed" and not again):
                continue
            alike = took.get(_like(job)) or self._known(job)
            if alike is None:
                unknown += 1
            else:
                left += mean(alike) * (1 - self.store.noted(job))
        return left / max(1, workers), unknown

    def _known(self, job: Job) -> list[float] | None:
        """Return the cost of a job that is known beforehand."""
        return [self._costs[job.kind]] if job.kind in self._costs else None


@cache
def _like(job: Job) -> str:
    """Return what jobs have in common that do as much work on as large networks and images."""
    if job.kind != "run":
        settings = {name: value for name, value in job.settings.items() if name != "seed"}
        return canonical_json([job.kind, settings, [_size(need) for need in job.needs.values()]])
    attack, learning = job.recipe.attack, job.recipe.learning
    work = [attack.name, attack.gradients, learning.epochs, learning.batch_size]
    return canonical_json([_size(job), work])


def _size(job: Job) -> list[Any]:
    """Return on what network and what images a run works."""
    first = job
    while START in first.needs:
        first = first.needs[START]  # whose network it is
    return [first.recipe.json()["network"], job.recipe.json()["data"]]
