"""Reset those of the caller's PyTorch modes under which the library would not work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def usual_modes() -> Iterator[None]:
    """Enable gradients and make new tensors float32 on the CPU, inside the context.

    On exit, the caller's ``torch.no_grad``, ``torch.inference_mode``, ``torch.set_default_dtype``
    and ``torch.set_default_device`` apply again. Autocast is not changed: a network may be
    evaluated in the caller's precision.
    """
    before = torch.get_default_dtype()
    with torch.inference_mode(False), torch.enable_grad(), ExitStack() as stack:
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if before != torch.float32:  # setting it would affect all threads
            stack.callback(torch.set_default_dtype, before)
            torch.set_default_dtype(torch.float32)
        yield
