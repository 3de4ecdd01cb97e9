"""``python -m scratchticket``, and the program ``scratchticket``."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

ERROR_CODE = 2
#: Number of times that an idle OpenMP thread of PyTorch spins before it sleeps. The default is
#: 300,000, far too long if another program occupies a thread's core (docs/robust-runs.md).
SPINNING = {"GOMP_SPINCOUNT": "10000"}
USER_CHOICES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")  # if either is set, nothing is changed


def main() -> None:
    """Run the command line; Ctrl-C gives one line even before a verb has begun."""
    if not any(name in os.environ for name in USER_CHOICES):
        os.environ |= SPINNING  # read once, when PyTorch is loaded
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _too_early)
    from scratchticket.base.signals import too_late
    from scratchticket.cli.app import main as program

    try:
        program()
    finally:
        _flush()
        too_late()


def _flush() -> None:
    """Write what is buffered; exit with code 1 and no message if its reader has gone."""
    gone = False
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # else Python exits with 120
            gone = True
    if gone:
        sys.exit(1)


def _too_early(number: int, frame: FrameType | None) -> None:
    sys.stderr.write("interrupted: nothing had begun\n")
    sys.exit(ERROR_CODE)


if __name__ == "__main__":
    main()
