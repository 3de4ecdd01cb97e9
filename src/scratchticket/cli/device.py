"""The device and the threads that a verb computes with."""

from __future__ import annotations

from scratchticket.base.cores import leave_occupied_cores
from scratchticket.cli.terminal import print_notes


def chosen_device(name: str) -> str:
    """Return the device of ``--device``; on a CPU, leave other programs the cores they occupy.

    Raises:
        InputError: If PyTorch has no such device here.
    """
    from scratchticket.runs.records import usable_device

    device = usable_device(name)
    if device == "cpu":
        print_notes(leave_occupied_cores())
    return device
