"""Data-parallel runs: several processes, started by torchrun, that share one run.

All processes hold the same network and take the same steps. Each process attacks its slice of
every batch; gradients are averaged, so that all make the same update. Only the first process writes
files and prints.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from scratchticket.base.errors import (
    InputError,
    Interrupted,
    ReportedElsewhere,
    ScratchticketError,
    first_line,
)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Group:
    """The processes of a run.

    Attributes:
        rank: Number of this process, from 0.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the first process, which writes files and prints."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """Return this process's slice of ``count`` images; sizes differ by at most 1.

        Example:
            >>> Group(1, 3).part(8)
            slice(2, 5, None)
        """
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace floating-point tensors, in place, by their means over all processes."""
        floats = [tensor for tensor in tensors if tensor.is_floating_point()]
        if self.size == 1 or not floats:
            return
        flat = torch.cat([tensor.flatten() for tensor in floats])
        with report_lost_processes():
            dist.all_reduce(flat)
        parts = torch.split(flat.div_(self.size), [tensor.numel() for tensor in floats])
        for tensor, part in zip(floats, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def total(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes."""
        if self.size > 1:
            value = value.clone()
            with report_lost_processes():
                dist.all_reduce(value)
        return value

    def any(self, flag: bool) -> bool:
        """Return whether the flag is true in at least one process."""
        return flag if self.size == 1 else bool(self.total(torch.tensor(int(flag))))

    def gathered(self, value: Value) -> list[Value]:
        """Return the values of all processes, in the order of their ranks."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with report_lost_processes():
            dist.all_gather_object(values, value)
        return values

    def run_on_first(self, work: Callable[[], Value]) -> Value:
        """Call a function in the first process only; return its result in every process.

        Raises:
            ReportedElsewhere: In the other processes, if the function raises an error.
        """
        if self.size == 1:
            return work()
        result: list[Any] = [None, False]  # the value, and whether the function returned
        try:
            if self.leads:
                result = [work(), True]
        finally:
            with report_lost_processes():
                dist.broadcast_object_list(result)
        if not result[1]:
            raise ReportedElsewhere
        value: Value = result[0]
        return value


ALONE = Group()


def launched() -> Group:
    """Return the group of processes that torchrun started; without torchrun, a group of one."""
    if not dist.is_torchelastic_launched():
        return ALONE
    return Group(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


@contextmanager
def joined(device: str) -> Iterator[Group]:
    """Join the process group of the run if torchrun started several processes.

    Args:
        device: Where this process computes.
    """
    group = launched()
    if group.size == 1:
        yield group
        return
    # Import this module before the process group exists, because it holds a reference to the group.
    # PyTorch's optimizers would import it later; the group's threads would then stay alive, which
    # can abort the process at exit.
    import torch.distributed.nn  # noqa: F401

    dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo")
    try:
        yield group
    except Interrupted:
        if not group.leads:
            raise ReportedElsewhere from None
        raise
    finally:
        dist.destroy_process_group()


def own_device(device: str) -> str:
    """Return the device of this process; under torchrun, ``cuda`` becomes its own GPU.

    Raises:
        InputError: If there are fewer GPUs than processes on this machine.
    """
    local = os.environ.get("LOCAL_RANK")
    if device != "cuda" or local is None:
        return device
    if int(local) >= torch.cuda.device_count():
        raise InputError(
            f"there are more processes than GPUs ({torch.cuda.device_count()}); start one process "
            "per GPU, or use --device cpu"
        )
    return f"cuda:{local}"


@contextmanager
def report_lost_processes() -> Iterator[None]:
    """Turn a communication error into a one-line error: another process has ended.

    Raises:
        ScratchticketError: Instead of the errors of PyTorch's back ends.
    """
    try:
        yield
    except RuntimeError as error:  # gloo has no error class of its own
        raise ScratchticketError(
            f"another process of this run has ended ({first_line(error)}); start the same "
            "command again with --resume"
        ) from None
