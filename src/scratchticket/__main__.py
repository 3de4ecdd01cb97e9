"""``python -m scratchticket``, and the program ``scratchticket``."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

ERROR_CODE = 2


def main() -> None:
    """Run the command line; Ctrl-C prints a single line even before a verb has begun."""
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
    """Flush the output; exit with code 1 and no message if the reader of the pipe has gone."""
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
