"""Progress of a sweep, read from its store: job states and time left."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from scratchticket.sweeps import Job, Store
from scratchticket.sweeps.cost import operations, seconds_per_operation
from scratchticket.sweeps.store import State

_ANY = ""  # key of the rate over all kinds of jobs


class Watch:
    """The states of the jobs of a sweep.

    Args:
        store: Store of the jobs.
        jobs: All jobs.
    """

    def __init__(self, store: Store, jobs: Sequence[Job]) -> None:
        self.store, self.jobs = store, jobs
        self.states: dict[Job, State] = {}
        self._costs: dict[Job, float | None] = {}
        self._measured: float | None = None  # seconds per operation
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
        """The jobs that a worker is running."""
        return [job for job, state in self.states.items() if state == "running"]

    @property
    def failed(self) -> list[Job]:
        """The jobs that failed; jobs that depend on them are not started."""
        return [job for job, state in self.states.items() if state == "failed"]

    def calibrate(self, threads: int) -> None:
        """Measure the speed of this machine's CPU, unless it is known from a finished job.

        Args:
            threads: Number of threads per worker.
        """
        known = {job: cost for job in self.jobs if (cost := self._operations(job))}
        if known and not self._rates():
            self._measured = seconds_per_operation(max(known, key=known.__getitem__), threads)

    def left(self, workers: int = 1, *, again: bool = False) -> tuple[float, int]:
        """Estimate the remaining time from the operations of the remaining jobs.

        The seconds per operation are those of finished jobs of the same kind, else of all finished
        jobs, else those that :meth:`calibrate` measured.

        Args:
            workers: Number of workers.
            again: Whether failed jobs are retried.

        Returns:
            Seconds, and the number of jobs left out because they have no estimate.
        """
        rates = self._rates()
        left, unknown = 0.0, 0
        for job, state in self.states.items():
            if state == "finished" or (state == "failed" and not again):
                continue
            rate = rates.get(job.kind) or rates.get(_ANY) or self._measured
            cost = self._operations(job)
            if rate is None or cost is None:
                unknown += 1
            else:
                left += rate * cost * (1 - self.store.progress(job))
        return left / max(1, workers), unknown

    def _rates(self) -> dict[str, float]:
        """Return the seconds per operation of finished jobs, by kind and overall."""
        totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for job, state in self.states.items():
            if state != "finished" or not (seconds := self.store.seconds_spent(job)):
                continue
            if (cost := self._operations(job)) is not None:
                for kind in (job.kind, _ANY):
                    totals[kind][0] += seconds
                    totals[kind][1] += cost
        return {kind: seconds / cost for kind, (seconds, cost) in totals.items()}

    def _operations(self, job: Job) -> float | None:
        """Return the number of operations of a job, cached."""
        if job not in self._costs:
            self._costs[job] = operations(job)
        return self._costs[job]
