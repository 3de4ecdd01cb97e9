"""Progress of a sweep seen from outside: jobs done and running, time left."""

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
    """The states of the jobs of a sweep.

    Args:
        store: Store of the jobs.
        jobs: All jobs.
        costs: Seconds of a job by its kind, used until a similar one is finished.
    """

    def __init__(
        self, store: Store, jobs: Sequence[Job], costs: Mapping[str, float] | None = None
    ) -> None:
        self.store, self.jobs, self._costs = store, jobs, costs or {}
        self.states: dict[Job, State] = {}
        self.look()

    def look(self) -> list[Job]:
        """Update the states.

        Returns:
            The jobs that finished or failed since the last update.
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
        """Number of jobs in each state."""
        return Counter(self.states.values())

    @property
    def running(self) -> list[Job]:
        """The jobs that a worker has taken."""
        return [job for job, state in self.states.items() if state == "running"]

    @property
    def failed(self) -> list[Job]:
        """The jobs that failed; those that need them wait."""
        return [job for job, state in self.states.items() if state == "failed"]

    def left(self, workers: int = 1, *, again: bool = False) -> tuple[float, int]:
        """Estimate the remaining time from the times of similar finished jobs.

        Args:
            workers: Number of workers.
            again: Whether failed jobs are retried.

        Returns:
            Seconds, and the number of jobs without an estimate, left out.
        """
        took: dict[str, list[float]] = defaultdict(list)
        for job, state in self.states.items():
            if state == "finished" and (seconds := self.store.seconds_spent(job)):
                took[_cost_key(job)].append(seconds)
        left, unknown = 0.0, 0
        for job, state in self.states.items():
            if state == "finished" or (state == "failed" and not again):
                continue
            alike = took.get(_cost_key(job)) or self._known(job)
            if alike is None:
                unknown += 1
            else:
                left += mean(alike) * (1 - self.store.progress(job))
        return left / max(1, workers), unknown

    def _known(self, job: Job) -> list[float] | None:
        """Return the assumed cost of a job, if there is one."""
        return [self._costs[job.kind]] if job.kind in self._costs else None


@cache
def _cost_key(job: Job) -> str:
    """Return a key that jobs of similar cost share."""
    if job.kind != "run":
        settings = {name: value for name, value in job.settings.items() if name != "seed"}
        return canonical_json(
            [job.kind, settings, [_size_key(need) for need in job.needs.values()]]
        )
    attack, learning = job.recipe.attack, job.recipe.learning
    work = [attack.name, attack.gradients, learning.epochs, learning.batch_size]
    return canonical_json([_size_key(job), work])


def _size_key(job: Job) -> list[Any]:
    """Return the network and data settings that decide the size of a job."""
    first = job
    while START in first.needs:
        first = first.needs[START]  # whose network it is
    return [first.recipe.json()["network"], job.recipe.json()["data"]]
