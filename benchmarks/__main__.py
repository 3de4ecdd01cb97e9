"""Measure speed and memory: ``python -m benchmarks [NAME [ITS OPTIONS]]``, all without a name.

draw         a step of a draw, against the released procedure: an hour
parts        selection, coding, data, start of the command line: a minute
growth       how costs grow with width, batch, image, images and tickets: ten minutes
attacks      PGD-20 and AutoAttack, against other libraries: half an hour
switching    memory and time of a switch between tickets: some minutes
ticket_size  size and loading time of tickets: half an hour
export       size and time of exported tickets in onnxruntime: two minutes
photographs  decoding, memory and waiting on photographs: ten minutes; needs --photographs FILE
busy         ways to wait for threads, alone and beside a busy process: a quarter of an hour
gpu          everything that waits for a GPU: ten minutes on one; only if named

``python -m benchmarks NAME --help`` tells the options. Each writes to records/; the pages in docs/
are made of them by ``python tools/update_pages.py``.
"""

from __future__ import annotations

import importlib
import sys

NAMES = (
    "draw",
    "parts",
    "growth",
    "attacks",
    "switching",
    "ticket_size",
    "export",
    "photographs",
    "busy",
)
NAMED = (*NAMES, "gpu")


def main(arguments: list[str]) -> None:
    """Run one benchmark, or all."""
    if arguments and arguments[0] not in NAMED:
        told = arguments[0] in ("-h", "--help")
        print((__doc__ or "").strip() if told else f"there are: {', '.join(NAMED)}")
        sys.exit(0 if told else 2)
    for name in arguments[:1] or NAMES:
        importlib.import_module(f"benchmarks.{name}").main(arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
