"""Deterministic algorithms: the same bits in every run, or an error."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from scratchticket.base.errors import InputError

_VARIABLE = "CUBLAS_WORKSPACE_CONFIG"
_FITTING = (":4096:8", ":16:8")  # workspaces with which cuBLAS sums in a fixed order
_REFUSED = re.compile(r"(\S+) does not have a deterministic implementation")


@contextmanager
def deterministic(asked: bool) -> Iterator[None]:
    """Within the context, use PyTorch's deterministic algorithms, if asked.

    Enter the context before the process has multiplied matrices on a GPU.

    Raises:
        InputError: If an operation has no deterministic algorithm, or the environment variable
            ``CUBLAS_WORKSPACE_CONFIG`` prevents it.
    """
    if not asked:
        yield
        return
    workspace = os.environ.get(_VARIABLE)
    if workspace not in (None, *_FITTING):
        raise InputError(
            f"--deterministic needs {_VARIABLE}={_FITTING[0]} or {_FITTING[1]}, got {workspace!r}"
        )
    cudnn = torch.backends.cudnn
    flags = cudnn.deterministic, cudnn.benchmark
    strict = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ[_VARIABLE] = workspace or _FITTING[0]
    torch.use_deterministic_algorithms(True)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    except RuntimeError as error:
        if (found := _REFUSED.search(str(error))) is None:
            raise
        raise InputError(
            f"--deterministic is not possible: the network or an attack uses {found[1]}, and "
            "PyTorch has no deterministic version of it on this device"
        ) from None
    finally:
        cudnn.deterministic, cudnn.benchmark = flags
        torch.use_deterministic_algorithms(strict, warn_only=warns)
        if workspace is None:
            del os.environ[_VARIABLE]
