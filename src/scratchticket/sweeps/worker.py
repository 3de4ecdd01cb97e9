"""Do the jobs of a sweep until all are finished or failed."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Sequence

from scratchticket.base.errors import Busy, Interrupted, ScratchticketError, Unwritable, first_line
from scratchticket.runs.lease import LeaseLost
from scratchticket.sweeps.job import Job
from scratchticket.sweeps.perform import perform
from scratchticket.sweeps.store import State, Store

#: Errors that concern one job's folder; the rest of the store may be usable.
_ONE_FOLDER = {
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTEMPTY,
    errno.EEXIST,
}
POLL_SECONDS = 2.0  # interval of polling while all remaining jobs wait for other workers


def work(
    store: Store, jobs: Sequence[Job], *, device: str = "cpu", poll_seconds: float = POLL_SECONDS
) -> None:
    """Do jobs until all are finished or failed; wait while they depend on other workers' jobs.

    Any number of workers, on any machines that share the store, divide the jobs among themselves.
    If a job fails, the failure is recorded and the worker continues with other jobs.

    Args:
        store: Store of the jobs.
        jobs: Jobs in order of dependency.
        device: Device to compute on.
        poll_seconds: Seconds between checks of the store while waiting for other workers.

    Raises:
        Interrupted: If a signal asked to stop; the current job has saved its checkpoint.
        InputError: If the store cannot be written.
    """
    left = list(jobs)
    states: dict[Job, State] = {}
    while left:
        for job in jobs:
            if states.get(job) != "finished":
                states[job] = store.state(job)
                if states[job] == "finished":
                    store.tidy(job)
        left = [
            job
            for job in left
            if states[job] not in {"finished", "failed"}
            and not any(states[need] == "failed" for need in job.chain())
        ]
        ready = [job for job in left if all(states[n] == "finished" for n in job.needs.values())]
        free = (job for job in ready if states[job] != "running")
        if not any(do(job, store, device) for job in free) and left:
            time.sleep(poll_seconds)


def do(job: Job, store: Store, device: str = "cpu") -> bool:
    """Do a job, unless another worker has taken it.

    Returns:
        Whether this process did the job, which is then finished or failed.

    Raises:
        Interrupted: See :func:`work`.
        InputError: If the store cannot be written.
    """
    try:
        lease = store.take(job)
    except Unwritable as error:
        _fail_alone(store, job, error)
        return True
    if lease is None:
        return False

    def observe(fraction: float) -> None:
        if lease.lost:
            raise LeaseLost
        store.save_progress(job, fraction)

    begun = time.monotonic()
    try:
        perform(job, store, device=device, observe=observe)
    except (Busy, LeaseLost):
        return False  # another worker has the job: the former holder, or one that took it over
    except Interrupted:
        raise
    except Unwritable as error:
        if lease.lost:
            return False
        _fail_alone(store, job, error)
    except ScratchticketError as error:
        store.fail(job, str(error))
    except Exception as error:  # noqa: BLE001  (the worker continues)
        message = f"{type(error).__name__}: {first_line(error)}"
        store.fail(job, message, traceback.format_exc())
    finally:
        store.add_seconds(job, time.monotonic() - begun)
        lease.release()
    return True


def _fail_alone(store: Store, job: Job, error: Unwritable) -> None:
    """Record that a job failed because its own folder is unusable.

    Raises:
        Unwritable: If the whole store is unusable.
    """
    cause = error.__context__
    if not isinstance(cause, OSError) or cause.errno not in _ONE_FOLDER:
        raise error
    try:
        store.fail(job, str(error))
    except Unwritable:
        raise error from None
