"""Workers on a Slurm cluster: a job array, submitted and requeued by submitit.

All nodes must see the store. The workers continue if the process that submitted them ends; the same
command finds them in the queue and watches them again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

from scratchticket.base.errors import InputError, Interrupted, extra_missing
from scratchticket.executors.crew import Ended, Worker, run_workers
from scratchticket.executors.sweep import Sweep

if TYPE_CHECKING:
    from types import FrameType

    import submitit

POLLS = 10.0  # seconds between queries to Slurm
MINUTES = 240  # default time limit, at which a worker is requeued
REQUEUES = 10_000
_OURS = {  # options of submitit that users cannot set
    "additional_parameters",
    "array_parallelism",
    "nodes",
    "ntasks_per_node",
    "setup",
    "srun_args",
    "teardown",
    "use_srun",
}


def run_on_slurm(
    sweep: Sweep,
    workers: int = 1,
    *,
    device: str = "auto",
    settings: Mapping[str, str] | None = None,
    observe: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = lambda line: None,
    polls: float = POLLS,
) -> None:
    """Run a sweep with a job array on a Slurm cluster, and watch it.

    A worker saves and is requeued when it is preempted or its time limit is near. If it dies for
    another reason, it is replaced, unless it was cancelled. If workers of an earlier call with the
    same sweep are still in the queue, only the missing ones are submitted.

    Args:
        sweep: The sweep, in a store that all nodes see.
        workers: Number of workers.
        device: Where to compute; ``auto`` for a GPU if the worker's node has one.
        settings: Options of ``sbatch``, with underscores: ``partition``, ``account``, ``time``
            (minutes), ``cpus_per_task``, ``gpus_per_node``, ``mem`` and all others.
        observe: Called about once a second.
        tell: Called with a message when workers are submitted.
        polls: Seconds between queries to Slurm.

    Raises:
        Interrupted: If a signal asked to stop watching; the workers continue.
        InputError: If Slurm is missing or rejects the jobs, a setting is invalid, or a worker ended
            with an error.
    """
    name = sha256(repr(sweep).encode()).hexdigest()[:8]
    folder = Path(sweep.store) / ".slurm" / name
    slurm = _Slurm(sweep, device, _executor(folder, settings or {}), tell, _Queue(polls))
    run_workers(slurm, workers, observe)


class SlurmWorker:
    """The function that submitit calls on the node, once per task of the array."""

    def __call__(self, sweep: Sweep, device: str) -> Ended:
        """Work until no job is left; save and requeue when Slurm signals the time limit.

        After any other signal, the process ends without a result, and Slurm is asked whether the
        worker was cancelled.
        """
        threads = os.environ.get("SLURM_CPUS_PER_TASK")
        requeue = signal.getsignal(signal.SIGUSR2)  # submitit's handler
        signal.signal(signal.SIGUSR2, _interrupt)  # a run checks for it between two steps
        try:
            sweep.work(device, int(threads) if threads else None)
        except (Interrupted, _TimeIsUp) as stopped:
            if stopped.signal == signal.SIGUSR2 and callable(requeue):
                _requeue(requeue)
            sys.exit(1)
        except InputError as error:
            return Ended("broken", str(error))
        return Ended("done")

    def checkpoint(self, *arguments: Any) -> submitit.helpers.DelayedSubmission:
        """Return the call that submitit makes after requeuing: this worker again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *arguments)


def _requeue(requeue: Callable[[int, FrameType | None], Any]) -> None:
    """Let submitit requeue this job; Slurm may end it before ``scontrol`` has returned."""
    try:
        requeue(signal.SIGUSR2, None)
    except subprocess.CalledProcessError as error:
        if error.returncode >= 0:  # scontrol failed, and was not killed by Slurm's signal
            raise


class _TimeIsUp(BaseException):
    """The time limit is near; a BaseException, so that it is not caught as an error of a job."""

    signal = signal.SIGUSR2


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt a job; all finished work is already on disk."""
    raise _TimeIsUp


class _Queue:
    """The user's jobs in Slurm's queue, listed by one query, at most every ``polls`` seconds."""

    def __init__(self, polls: float) -> None:
        self._polls, self._asked, self._known = polls, float("-inf"), set[str]()

    def has(self, name: str) -> bool:
        """Whether a job was queued or running at the last query."""
        if time.monotonic() - self._asked > self._polls:
            self._asked = time.monotonic()
            listed = _slurm("squeue", "--noheader", "--array", "--me", "--format=%i")
            if listed is not None:
                self._known = set(listed.split())
        return name in self._known

    def add(self, names: Sequence[str]) -> None:
        """Add jobs that were just submitted."""
        self._known |= set(names)


@dataclass(frozen=True)
class _Task:
    """A worker that is a task of a job array."""

    job: submitit.Job[Ended]
    queue: _Queue

    def ended(self) -> Ended | None:
        if self.queue.has(self.job.job_id):
            return None
        if not self.job.paths.result_pickle.exists():
            job = _slurm("scontrol", "show", "job", "--oneliner", self.job.job_id) or ""
            return Ended("cancelled" if "JobState=CANCELLED" in job else "killed")
        if self.job.exception() is not None:
            return Ended("broken", f"see {self.job.paths.stderr}")
        return self.job.result()


@dataclass(frozen=True)
class _Slurm:
    """Submits one job array for all workers that are not in the queue yet."""

    sweep: Sweep
    device: str
    executor: submitit.SlurmExecutor
    tell: Callable[[str], None]
    queue: _Queue
    watched: set[str] = field(default_factory=set)

    def start(self, numbers: Sequence[int]) -> Sequence[Worker]:
        from submitit import Job, SlurmJob
        from submitit.core.utils import FailedJobError

        ends = "_submitted.pkl"
        names = [path.name.removesuffix(ends) for path in self.executor.folder.glob(f"*{ends}")]
        there = [name for name in names if name not in self.watched and self.queue.has(name)]
        jobs: list[Job[Ended]] = [
            SlurmJob(self.executor.folder, name) for name in there[: len(numbers)]
        ]
        if jobs:
            self.tell(f"{len(jobs)} workers are in the queue already")
        if lacking := len(numbers) - len(jobs):
            try:
                with self.executor.batch():
                    new = [
                        self.executor.submit(SlurmWorker(), self.sweep, self.device)
                        for _ in range(lacking)
                    ]
            except FailedJobError as error:
                raise InputError(f"Slurm rejects the jobs: {_line(str(error))}") from None
            jobs += new
            self.queue.add([job.job_id for job in new])
            number = new[0].job_id.partition("_")[0]
            self.tell(f"submitted {number} ({lacking} workers), logs in {self.executor.folder}")
        self.watched.update(job.job_id for job in jobs)
        return [_Task(job, self.queue) for job in jobs]

    def dismiss(self, workers: Sequence[Worker]) -> None:
        _slurm(
            "scancel", "--state=PENDING", *(w.job.job_id for w in workers if isinstance(w, _Task))
        )

    def stop(self, workers: Sequence[Worker]) -> str:
        return "the workers continue in Slurm's queue; scancel ends them"


def _executor(folder: Path, settings: Mapping[str, str]) -> submitit.SlurmExecutor:
    """Return the submitit executor with the user's settings."""
    try:
        from submitit import SlurmExecutor
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing("Slurm", error, "slurm") from None
    if which("sbatch") is None:
        raise InputError("Slurm is not installed here: sbatch is missing")
    executor = SlurmExecutor(folder, max_num_timeout=REQUEUES)
    known = SlurmExecutor._valid_parameters()
    options = {name.replace("-", "_"): value for name, value in settings.items()}
    own: dict[str, Any] = {"job_name": "scratchticket", "time": str(MINUTES)}
    own |= {name: _value(value) for name, value in options.items() if name in known - _OURS}
    own["time"] = _minutes(str(own["time"]))
    if "cpus_per_task" in own:  # srun does not inherit it from sbatch
        own["setup"] = ["export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK"]
    if not_theirs := sorted(options.keys() & _OURS):
        raise InputError(
            f"{not_theirs[0]} cannot be set, because a worker is one task of a job array; "
            "leave it out"
        )
    others = {name: _value(value) for name, value in options.items() if name not in known}
    try:
        executor.update_parameters(**own, additional_parameters=others)
    except (TypeError, ValueError) as error:
        raise InputError(f"invalid settings of Slurm: {_line(str(error))}") from None
    return executor


def _value(text: str) -> int | str | bool:
    """Convert a setting to the type that submitit expects; flags are written ``NAME=true``."""
    return int(text) if text.isdecimal() else text.lower() == "true" or text


def _minutes(text: str) -> int:
    """Return an sbatch time in minutes, rounded up.

    Example:
        >>> [_minutes(text) for text in ("90", "1:30:00", "1-00", "30:59")]
        [90, 90, 1440, 31]
    """
    days, dash, rest = text.rpartition("-")
    parts = rest.split(":")
    if not all(part.isdecimal() for part in [*parts, days if dash else "0"]) or len(parts) > 3:
        raise InputError(f"time must be minutes, hours:minutes:seconds or days-hours, got {text!r}")
    numbers = list(map(int, parts))
    if dash:
        hours, minutes, seconds = (numbers + [0, 0])[:3]
    elif len(numbers) == 3:
        hours, minutes, seconds = numbers
    else:
        hours, minutes, seconds = 0, numbers[0], sum(numbers[1:])
    return int(days or 0) * 1440 + hours * 60 + minutes + (seconds > 0)


def _line(text: str) -> str:
    """Return the last error message in a command's output."""
    lines = [line for line in text.strip().splitlines() if not line.startswith("Try ")]
    return lines[-1].removeprefix("sbatch: ").removeprefix("error: ") if lines else text


def _slurm(*command: str) -> str | None:
    """Return the output of a Slurm command; None if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
