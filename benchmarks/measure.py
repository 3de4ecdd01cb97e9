"""Shared by the benchmarks: timing in turns, peak memory, the machine's limit, stored rows."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F

from benchmarks.rows import Row, Spread
from scratchticket.base.files import write_atomically
from scratchticket.base.record import Json, to_json
from scratchticket.runs.records import commit, machine, versions

ROOT = Path(__file__).parents[1]
PRODUCT = 2048  # size of the square matrices whose product is timed on a CPU


def options_of(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return the argument parser of a benchmark, with a description for its help."""
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def spread(values: Iterable[float]) -> Spread:
    """Return median, minimum and maximum."""
    listed = list(values)
    return Spread(median=median(listed), min=min(listed), max=max(listed))


def in_turn(
    actions: Mapping[str, Callable[[], object]], turns: int, calls: int = 1
) -> dict[str, list[float]]:
    """Return the mean seconds per call of each action, by turn; an untimed turn comes first."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(turns + 1):
        for name, action in actions.items():
            begun = time.perf_counter()
            for _ in range(calls):
                action()
            if turn:
                seconds[name].append((time.perf_counter() - begun) / calls)
    return seconds


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Return median, minimum and maximum of the ratios ``above / below``, turn by turn."""
    return spread(a / b for a, b in zip(above, below, strict=True))


def between(values: Spread, form: str) -> str:
    """Return ``median (minimum to maximum)`` as text, each number in the format ``form``."""
    middle, least, most = (format(value, form) for value in (values.median, values.min, values.max))
    return f"{middle} ({least} to {most})"


def wait_for(device: str) -> None:
    """Wait until a GPU has finished its queued work; on a CPU, do nothing."""
    if device != "cpu":
        torch.cuda.synchronize()


def product_rate(device: str = "cpu", precision: str = "float32", seconds: float = 1.0) -> float:
    """Return the best rate of a matrix product, in operations per second.

    On a CPU, the better of two libraries counts: that of ``@``, and that of convolutions, timed on
    a 1x1 convolution. One may use vector instructions that the other does not.
    """
    size, best = PRODUCT if device == "cpu" else 8192, 0.0
    dtype = getattr(torch, precision)
    first, second = (torch.rand(size, size, device=device, dtype=dtype) for _ in range(2))
    products = [partial(torch.matmul, first, second)]
    if device == "cpu":  # in the channels-last memory format
        image, kernels = first.view(1, -1, 32, size).permute(0, 3, 1, 2), second[..., None, None]
        products.append(partial(F.conv2d, image, kernels))

    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for product in products:
            wait_for(device)
            begun = time.perf_counter()
            product()
            wait_for(device)
            best = max(best, 2 * size**3 / (time.perf_counter() - begun))
    return best


def most_memory() -> int:
    """Return the peak memory of this process, in bytes.

    ``ru_maxrss`` would be wrong: a process inherits its parent's value.
    """
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def most_memory_of(*arguments: str) -> int:
    """Run a benchmark in a separate process; return the peak memory that it prints."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return int(done.stdout)


def circumstances(device: str = "cpu") -> Json:
    """Return a row's machine, versions, commit and date; call it before measuring."""
    return {
        "machine": machine(device) | {"load_before": round(os.getloadavg()[0], 2)},
        "versions": versions(),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def append(path: Path, row: Row) -> None:
    """Append a row to a file; earlier rows of the same case stay, as its history."""
    before = path.read_text() if path.exists() else ""
    write_atomically(path, f"{before}{json.dumps(to_json(row))}\n")
