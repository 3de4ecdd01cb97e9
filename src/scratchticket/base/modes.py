"""Resetting of the caller's PyTorch modes under which the library would not work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def usual_modes() -> Iterator[None]:
    """Enable gradients and make new tensors float32, inside the context.

    On exit, the caller's ``torch.no_grad``, ``torch.inference_mode`` and
    ``torch.set_default_dtype`` apply again. Autocast is not changed: a network may be evaluated in
    the caller's precision.
    """
    before = torch.get_default_dtype()
    with torch.inference_mode(False), torch.enable_grad():
        if before == torch.float32:  # setting it would affect all threads
            yield
            return
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(before)
