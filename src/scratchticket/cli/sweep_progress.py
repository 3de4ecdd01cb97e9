"""Progress of a sweep: one bar for all jobs, one per running job, one line per ended job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn

from scratchticket.base.accuracy import percent
from scratchticket.cli.terminal import Bars, cell, err, say

if TYPE_CHECKING:
    from scratchticket.executors import Watch
    from scratchticket.sweeps import Job


class SweepProgress:
    """Prints one line per ended job, and on a terminal live progress bars below it.

    Args:
        watch: The states of the jobs.
        workers: Number of workers that share the jobs.
        quiet: Show nothing.
    """

    def __init__(self, watch: Watch, workers: int, quiet: bool) -> None:
        self._watch, self._workers, self._quiet = watch, workers, quiet
        self._bar = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            quiet=quiet,
        )
        total = len(watch.jobs)
        self._all = self._bar.add_task("jobs", total=total, left="")
        self._running: dict[Job, TaskID] = {}

    def __enter__(self) -> SweepProgress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        """Print a line about the whole sweep."""
        if not self._quiet:
            say(line, err)

    def __call__(self) -> None:
        """Read the states of the jobs and show what has changed."""
        from scratchticket.runs.summary import outcome

        ended = self._watch.look()
        done = self._watch.counts["finished"]
        if not ended and self._bar.disable:
            return
        left = time_left(*self._watch.left(self._workers))
        for job in ended if not self._quiet else ():
            state, seconds = self._watch.states[job], duration(self._watch.store.seconds_spent(job))
            record = self._watch.store.record(job) if state == "finished" else None
            result = (
                f"failed: {self._watch.store.failure(job)}" if record is None else outcome(record)
            )
            line = f"{done}/{len(self._watch.jobs)}  {job.label}  {result}  {seconds}"
            say(f"{line}, {left}" if left else line, err)
        self._bar.update(self._all, completed=done, left=left)
        for job in self._watch.running:
            if job not in self._running:
                self._running[job] = self._bar.add_task(cell(job.label), total=100, left="")
            completed = int(percent(self._watch.store.progress(job)))
            self._bar.update(self._running[job], completed=completed)
        for job in [job for job in self._running if self._watch.states[job] != "running"]:
            self._bar.remove_task(self._running.pop(job))


def time_left(seconds: float, unknown: int) -> str:
    """Return the time left in a sweep as text: a lower bound if some costs are unknown.

    The text is empty if no cost is known.

    Args:
        seconds: Time left for the jobs whose cost is known.
        unknown: Number of jobs whose cost is unknown.
    """
    if unknown and not seconds:
        return ""
    return f"{'over ' if unknown else ''}{duration(seconds)} left"


def duration(seconds: float) -> str:
    """Return a time as short text.

    Example:
        >>> duration(75), duration(600), duration(9000)
        ('75 s', '10 min', '2.5 h')
    """
    if seconds < 90:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"  # noqa: PLR2004
