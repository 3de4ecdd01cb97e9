"""``python -m scratchticket``, and the program ``scratchticket``."""

from __future__ import annotations

import signal
import sys
from types import FrameType

ERROR_CODE = 2


def main() -> None:
    """Run the command line; Ctrl-C is a line even before a verb has begun."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _too_early)
    from scratchticket.cli.app import main as program
    from scratchticket.signals import too_late

    try:
        program()
    finally:
        too_late()


def _too_early(number: int, frame: FrameType | None) -> None:
    sys.stderr.write("interrupted: nothing had begun\n")
    sys.exit(ERROR_CODE)


if __name__ == "__main__":
    main()
