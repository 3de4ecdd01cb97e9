"""Workers on this machine: processes, one for each GPU where there are some."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

import torch

from scratchticket.errors import InputError, Interrupted
from scratchticket.experiments.executors.sweep import Sweep
from scratchticket.experiments.run import stop_requests

LOOKS = 1.0  # seconds between looks at the workers
RESTARTS = 20
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
    with its job. A signal lets every worker save and stop.

    Args:
        sweep: What to do.
        workers: How many processes; they share the processor's cores, or the GPUs.
        device: ``cpu`` or ``cuda``.
        observe: Called about once a second.

    Raises:
        Interrupted: If a signal asked to stop.
        InputError: If the number of workers is none, or a worker could not go on.
    """
    if workers < 1:
        raise InputError(f"the number of workers must be at least 1, got {workers}")
    running = {number: _start(sweep, number, workers, device) for number in range(workers)}
    restarts, broken = 0, False
    with stop_requests() as stop:
        while running:
            time.sleep(LOOKS)
            observe()
            if stop():
                _end(list(running.values()))
                raise Interrupted("the workers have saved what they were doing")
            for number, worker in list(running.items()):
                if worker.is_alive():
                    continue
                del running[number]
                broken = broken or worker.exitcode == FAILED
                if (worker.exitcode or 0) < 0 and restarts < RESTARTS:
                    restarts += 1
                    running[number] = _start(sweep, number, workers, device)
    observe()
    if broken:
        raise InputError("a worker could not go on; its message is above")


def _start(sweep: Sweep, number: int, workers: int, device: str) -> BaseProcess:
    """Start a worker: with its own GPU, or its share of the cores."""
    threads = None
    if device == "cuda":
        device = f"cuda:{number % torch.cuda.device_count()}"
    elif workers > 1:
        threads = max(1, (os.cpu_count() or 1) // workers)
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=_work, args=(sweep, device, threads))
    worker.start()
    return worker


def _work(sweep: Sweep, device: str, threads: int | None) -> None:
    """Be a worker process."""
    try:
        sweep.work(device, threads)
    except (Interrupted, KeyboardInterrupt):
        sys.exit(STOPPED)
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(FAILED)


def _end(workers: list[BaseProcess]) -> None:
    """Ask workers to save and stop, and wait for them."""
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join()
