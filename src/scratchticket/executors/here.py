"""Workers on this machine: processes that share the GPUs or the cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess

import torch

from scratchticket.base.errors import InputError, Interrupted
from scratchticket.base.signals import interruptible, too_late
from scratchticket.executors.crew import Ended, Worker, run_workers
from scratchticket.executors.sweep import Sweep

FAILED, STOPPED = 2, 3  # exit codes of workers


def run_here(
    sweep: Sweep,
    workers: int = 1,
    *,
    device: str = "cpu",
    observe: Callable[[], None] = lambda: None,
) -> None:
    """Run a sweep with processes on this machine.

    A worker that is killed, for instance for lack of memory, is replaced, and another worker
    resumes its job. A signal, or the death of this process, makes every worker save and stop.

    Args:
        sweep: The sweep.
        workers: Number of processes; they share the cores or the GPUs.
        device: ``cpu`` or ``cuda``.
        observe: Called about once a second.

    Raises:
        Interrupted: If a signal asked to stop.
        InputError: If a worker ended with an error.
    """
    run_workers(_Here(sweep, workers, device), workers, observe)


@dataclass(frozen=True)
class _Process:
    """A worker process on this machine."""

    process: BaseProcess

    def ended(self) -> Ended | None:
        if self.process.is_alive():
            return None
        code = self.process.exitcode or 0
        if code == 0:
            return Ended("done")
        if code < 0 or code == STOPPED:  # by a signal
            return Ended("killed")
        return Ended("broken", "its message is above")


@dataclass(frozen=True)
class _Here:
    """Starts worker processes."""

    sweep: Sweep
    workers: int
    device: str

    def start(self, numbers: Sequence[int]) -> Sequence[Worker]:
        context = multiprocessing.get_context("spawn")
        started = []
        with _ctrl_c_waits():
            for number in numbers:
                process = context.Process(target=_work, args=(self.sweep, *self._share(number)))
                process.start()
                started.append(_Process(process))
        return started

    def dismiss(self, workers: Sequence[Worker]) -> None:
        pass  # workers see in the store that no job is left

    def stop(self, workers: Sequence[Worker]) -> str:
        processes = [worker.process for worker in workers if isinstance(worker, _Process)]
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        return "the workers have saved what they were doing"

    def _share(self, number: int) -> tuple[str, int | None]:
        """Return a worker's device and number of threads."""
        if self.device == "cuda":
            return f"cuda:{number % torch.cuda.device_count()}", None
        return self.device, threads_of_each(self.workers)


def threads_of_each(workers: int) -> int:
    """Return the number of threads per worker if all workers share PyTorch's threads."""
    return max(1, torch.get_num_threads() // workers)


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Block Ctrl-C in processes started inside the context, until they can handle it."""
    resource_tracker.ensure_running()  # before blocking, because its start unblocks Ctrl-C
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """Send SIGTERM to this process when its parent has ended, for whatever reason."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _work(sweep: Sweep, device: str, threads: int | None) -> None:
    """Run a worker in this process while its parent lives."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with interruptible():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
            sweep.work(device, threads)
    except (Interrupted, KeyboardInterrupt):
        sys.exit(STOPPED)
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(FAILED)
    finally:
        too_late()
