"""Detect out-of-memory errors, and find a batch size that fits."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch

from scratchticket.base.errors import OutOfMemory

_MESSAGES = (  # parts of the messages of libraries without an out-of-memory error class
    "can't allocate memory",
    "cannot allocate memory",
    "could not allocate",
    "could not create a primitive",  # oneDNN
    "bad_alloc",
    "out of memory",
)


def ran_out(error: BaseException) -> bool:
    """Return whether an error means that the memory of the CPU or a GPU is exhausted."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(part in message for part in _MESSAGES)


def require(size: int) -> None:
    """Check that ``size`` bytes can be allocated, before code that would abort without them.

    Raises:
        MemoryError: If they cannot be allocated.
    """
    bytearray(size)


def too_many(what: str, images: int, attempt: Callable[[int], None], advice: str) -> OutOfMemory:
    """Return an error that says how many images fit into memory, found by trying.

    The caller must have released the memory, including the traceback of the original error.

    Args:
        what: Operation that ran out of memory.
        images: Batch size that did not fit.
        attempt: Function of the batch size that uses as much memory as the operation; called with
            half of ``images``, a quarter, and so on, until it succeeds.
        advice: Setting that changes the batch size.
    """
    message = f"out of memory in {what} with {images} images at a time"
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
            return OutOfMemory(f"{message}; there is room for {images} ({advice})")
    return OutOfMemory(f"{message}; fewer do not fit either")
