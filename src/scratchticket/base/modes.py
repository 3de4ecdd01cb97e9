"""Modes of PyTorch that a caller may have set, and under which nothing here would work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def usual_modes() -> Iterator[None]:
    """Inside, gradients can be taken and new tensors are float32, whatever the caller has set.

    ``torch.no_grad``, ``torch.inference_mode`` and ``torch.set_default_dtype`` count again
    afterwards. Autocast is left as it is: a network may be judged in the caller's precision.
    """
    before = torch.get_default_dtype()
    with torch.inference_mode(False), torch.enable_grad():
        if before == torch.float32:  # the setting is that of all threads
            yield
            return
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(before)
