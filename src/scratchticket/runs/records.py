"""The content of records: accuracies, hardware, versions and commit."""

from __future__ import annotations

import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scratchticket._version import __version__
from scratchticket.attacks import Attack
from scratchticket.base.errors import InputError
from scratchticket.base.processes import ALONE, Group, own_device
from scratchticket.base.record import Accuracies, AttackRow
from scratchticket.data import ImageSet
from scratchticket.evaluation import counts, natural_accuracy, robust_accuracy
from scratchticket.networks import placed
from scratchticket.tickets import Ticket


def versions() -> dict[str, str]:
    """Return the versions of software that can influence results."""
    return {
        "scratchticket": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def machine(device: torch.device | str) -> dict[str, Any]:
    """Return the GPU, or processor and thread count; and whether algorithms are deterministic."""
    how = {"deterministic": True} if torch.are_deterministic_algorithms_enabled() else {}
    if torch.device(device).type == "cuda":
        return {"device": torch.cuda.get_device_name(device)} | how
    return {
        "device": _processor(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    } | how


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit() -> str | None:
    """Return the commit of the source, with ``-dirty`` if changed; None outside a repository."""
    here = Path(__file__)

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here.parent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)  # fails for a copy in another repository
        changed = git("status", "--porcelain", "--untracked-files=no", "--", str(here.parents[1]))
        return git("rev-parse", "--short=12", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def measured_accuracies(  # noqa: PLR0913
    ticket: Ticket,
    images: ImageSet,
    attack: Attack,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    group: Group = ALONE,
) -> Accuracies:
    """Return natural accuracy and, unless the attack is ``none``, robust accuracy."""
    network = placed(ticket.build(), device)
    natural = counts(natural_accuracy(network, images, group=group))
    if attack.name == "none":
        return Accuracies(natural=natural, attacks=())
    begun = time.monotonic()
    robust = counts(robust_accuracy(network, images, attack, seed=seed, group=group))
    seconds = round(time.monotonic() - begun, 3)
    row = AttackRow(**attack.facts(), seed=seed, **dict(robust), seconds=seconds)
    return Accuracies(natural=natural, attacks=(row,))


def usable_device(name: str) -> str:
    """Return the device to compute on; ``auto`` is the GPU if there is one.

    If torchrun has started several processes on a machine, each gets its own GPU.

    Raises:
        InputError: If PyTorch has no such device here.
    """
    if name == "auto":
        return own_device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError):
        others = "cpu or auto" if name.startswith("cuda") else "cpu, cuda or auto"
        raise InputError(f"no device {name!r} here; use {others}") from None
    return own_device(name)
