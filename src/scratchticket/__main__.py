"""``python -m scratchticket``, and the program ``scratchticket``."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

ERROR_CODE = 2
#: How many rounds threads of PyTorch's OpenMP spin before they sleep, instead of 300,000: so long
#: they would wait in vain for a thread whose core another program has (docs/robust-runs.md).
WAITING = {"GOMP_SPINCOUNT": "10000"}
OWN_WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")  # with either, the user has chosen


def main() -> None:
    """Run the command line; Ctrl-C is a line even before a verb has begun."""
    if not any(name in os.environ for name in OWN_WAITING):
        os.environ |= WAITING  # read once, when PyTorch is loaded
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _too_early)
    from scratchticket.base.signals import too_late
    from scratchticket.cli.app import main as program

    try:
        program()
    finally:
        too_late()


def _too_early(number: int, frame: FrameType | None) -> None:
    sys.stderr.write("interrupted: nothing had begun\n")
    sys.exit(ERROR_CODE)


if __name__ == "__main__":
    main()
