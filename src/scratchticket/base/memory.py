"""Memory that runs out: noticed whoever says so, and how much less would have room."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch

from scratchticket.base.errors import OutOfMemory

_SAID = (  # by those who raise no class of their own
    "can't allocate memory",
    "cannot allocate memory",
    "could not allocate",
    "could not create a primitive",  # oneDNN
    "bad_alloc",
    "out of memory",
)


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there is no memory left, on the processor or on a GPU."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in _SAID)


def require(size: int) -> None:
    """Ask for so many bytes and give them back: for those who would panic instead of raising.

    Raises:
        MemoryError: If there are not so many.
    """
    bytearray(size)


def too_many(what: str, images: int, attempt: Callable[[int], None], advice: str) -> OutOfMemory:
    """Find out how many images there is room for, and return the error that says so.

    What fills the memory must have been let go of, the traceback of its error included.

    Args:
        what: In which it ran out.
        images: How many at a time were too many.
        attempt: Does with so many images as much as needs the memory; called with a half of them,
            a quarter, and so on, until it succeeds.
        advice: How to ask for so many.
    """
    said = f"out of memory in {what} with {images} images at a time"
    while (images := images // 2) >= 2:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            attempt(images)
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise
        else:
            return OutOfMemory(f"{said}; there is room for {images} ({advice})")
    return OutOfMemory(f"{said}; fewer do not fit either")
