"""What the benchmarks share: taking turns, memory, the machine's limit, and rows that are kept."""

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
PRODUCT = 2048  # rows and columns of the matrices whose product is timed on a CPU


def options_of(name: str, told: str | None) -> argparse.ArgumentParser:
    """Return the parser of a benchmark's options, which says what the benchmark is."""
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}",
        description=told,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def spread(values: Iterable[float]) -> Spread:
    """Return median, least and most."""
    several = list(values)
    return Spread(median=median(several), min=min(several), max=max(several))


def in_turn(
    actions: Mapping[str, Callable[[], object]], turns: int, calls: int = 1
) -> dict[str, list[float]]:
    """Return the seconds of each action in each turn: means of calls; a first does not count."""
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
    """Return how many times more one took than the other, turn by turn: median, least and most."""
    return spread(a / b for a, b in zip(above, below, strict=True))


def between(values: Spread, form: str) -> str:
    """Return a median with what lies around it, each number in a form."""
    middle, least, most = (format(value, form) for value in (values.median, values.min, values.max))
    return f"{middle} ({least} to {most})"


def wait_for(device: str) -> None:
    """Wait until a device has done what it was given."""
    if device != "cpu":
        torch.cuda.synchronize()


def product_rate(device: str = "cpu", precision: str = "float32", seconds: float = 1.0) -> float:
    """Return the best rate of a matrix product, in operations a second.

    On a CPU the better of two libraries: that of ``@``, and that of convolutions, a product where
    their kernel is one pixel. One may know vector units of the processor that the other does not.
    """
    size, best = PRODUCT if device == "cpu" else 8192, 0.0
    kind = getattr(torch, precision)
    first, second = (torch.rand(size, size, device=device, dtype=kind) for _ in range(2))
    ways = [partial(torch.matmul, first, second)]
    if device == "cpu":  # pixels lie with their channels last
        image, kernels = first.view(1, -1, 32, size).permute(0, 3, 1, 2), second[..., None, None]
        ways.append(partial(F.conv2d, image, kernels))

    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for way in ways:
            wait_for(device)
            begun = time.perf_counter()
            way()
            wait_for(device)
            best = max(best, 2 * size**3 / (time.perf_counter() - begun))
    return best


def most_memory() -> int:
    """Return the most memory this process has held, in bytes.

    Not ``ru_maxrss``, which a process inherits from the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def most_memory_of(*words: str) -> int:
    """Return what a benchmark in a process of its own prints: its :func:`most_memory`."""
    command = [sys.executable, "-m", "benchmarks", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return int(done.stdout)


def circumstances(device: str = "cpu") -> Json:
    """Return what a row says of where and when it was measured; call it before measuring."""
    return {
        "machine": machine(device) | {"load_before": round(os.getloadavg()[0], 2)},
        "versions": versions(),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def append(path: Path, row: Row) -> None:
    """Add a row to a file; earlier ones of the same case stay, as its history."""
    before = path.read_text() if path.exists() else ""
    write_atomically(path, f"{before}{json.dumps(to_json(row))}\n")
