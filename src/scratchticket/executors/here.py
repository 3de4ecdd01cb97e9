"""Workers on this machine: processes, one for each GPU where there are some."""

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
from scratchticket.executors.crew import Ended, Worker, keep_at_work
from scratchticket.executors.sweep import Sweep

FAILED, STOPPED = 2, 3  # exit codes of workers


def run_here(
    sweep: Sweep,
    workers: int = 1,
    *,
    device: str = "cpu",
    observe: Callable[[], None] = lambda: None,
) -> None:
    """Do a sweep with processes of this machine.

    A worker that is killed, by want of memory for instance, is replaced; another worker goes on
    with its job. A signal lets every worker save and stop, and so does the death of this process.

    Args:
        sweep: What to do.
        workers: How many processes; they share the processor's cores, or the GPUs.
        device: ``cpu`` or ``cuda``.
        observe: Called about once a second.

    Raises:
        Interrupted: If a signal asked to stop.
        InputError: If a worker could not go on.
    """
    keep_at_work(_Here(sweep, workers, device), workers, observe)


@dataclass(frozen=True)
class _Process:
    """A worker that is a process of this machine."""

    process: BaseProcess

    def ended(self) -> Ended | None:
        if self.process.is_alive():
            return None
        code = self.process.exitcode or 0
        if code == 0:
            return Ended("done")
        if code < 0 or code == STOPPED:  # by somebody else
            return Ended("killed")
        return Ended("broken", "its message is above")


@dataclass(frozen=True)
class _Here:
    """Starts processes."""

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
        pass  # they see it for themselves

    def stop(self, workers: Sequence[Worker]) -> str:
        processes = [worker.process for worker in workers if isinstance(worker, _Process)]
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        return "the workers have saved what they were doing"

    def _share(self, number: int) -> tuple[str, int | None]:
        """Return a worker's device and number of threads: its own GPU, or its share of cores."""
        if self.device == "cuda":
            return f"cuda:{number % torch.cuda.device_count()}", None
        threads = max(1, (os.cpu_count() or 1) // self.workers) if self.workers > 1 else None
        return self.device, threads


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Start processes to which Ctrl-C comes when they can handle it, not while they import."""
    resource_tracker.ensure_running()  # else the first start would bring it, and let Ctrl-C in
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """Save and stop when the process that started this one has ended, however it did."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _work(sweep: Sweep, device: str, threads: int | None) -> None:
    """Be a worker process, as long as the process that started it lives."""
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
