"""The device of a verb, and its number of CPU threads."""

from __future__ import annotations

from scratchticket.base.cores import leave_occupied_cores
from scratchticket.cli.terminal import print_notes


def chosen_device(name: str) -> str:
    """Return the device that ``--device`` names; on a CPU, leave occupied cores to other programs.

    Raises:
        InputError: If PyTorch has no such device here.
    """
    from scratchticket.runs.records import usable_device

    device = usable_device(name)
    if device == "cpu":
        print_notes(leave_occupied_cores())
    return device
