"""Several processes that share one run, as torchrun starts them.

The processes hold the same network and take the same steps. Each attacks its share of every batch;
the gradients are averaged, so that all update alike. What is written to disk or to the terminal is
the first process's.
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
    ScratchticketError,
    ToldElsewhere,
    first_line,
)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Group:
    """The processes of a run.

    Attributes:
        rank: Which of them this one is, counted from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """Return this process's share of so many images: consecutive, as even as can be.

        Example:
            >>> Group(1, 3).part(8)
            slice(2, 5, None)
        """
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace floating-point tensors by their means over processes."""
        floats = [tensor for tensor in tensors if tensor.is_floating_point()]
        if self.size == 1 or not floats:
            return
        together = torch.cat([tensor.flatten() for tensor in floats])
        with lost_processes():
            dist.all_reduce(together)
        parts = torch.split(together.div_(self.size), [tensor.numel() for tensor in floats])
        for tensor, part in zip(floats, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def total(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over processes."""
        if self.size > 1:
            value = value.clone()
            with lost_processes():
                dist.all_reduce(value)
        return value

    def any(self, flag: bool) -> bool:
        """Whether it is true of one process at least."""
        return flag if self.size == 1 else bool(self.total(torch.tensor(int(flag))))

    def gathered(self, value: Value) -> list[Value]:
        """Return what all processes have, in their order."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with lost_processes():
            dist.all_gather_object(values, value)
        return values

    def led(self, work: Callable[[], Value]) -> Value:
        """Let the first process do something, and return what it returns.

        Raises:
            ToldElsewhere: In the other processes, if it raises an error.
        """
        if self.size == 1:
            return work()
        done: list[Any] = [None, False]
        try:
            if self.leads:
                done = [work(), True]
        finally:
            with lost_processes():
                dist.broadcast_object_list(done)
        if not done[1]:
            raise ToldElsewhere
        value: Value = done[0]
        return value


ALONE = Group()


def launched() -> Group:
    """Return the processes that torchrun has started."""
    if not dist.is_torchelastic_launched():
        return ALONE
    return Group(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


@contextmanager
def joined(device: str) -> Iterator[Group]:
    """Join the other processes if torchrun started several.

    Args:
        device: Where this process computes.
    """
    group = launched()
    if group.size == 1:
        yield group
        return
    # Its functions have the connection as a default. Imported later, as PyTorch's optimizers do, it
    # would keep the connection's threads alive, which can abort the process while Python ends.
    import torch.distributed.nn  # noqa: F401

    dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo")
    try:
        yield group
    except Interrupted:
        if not group.leads:
            raise ToldElsewhere from None
        raise
    finally:
        dist.destroy_process_group()


def own_device(device: str) -> str:
    """Return the device of this process: with several processes, each its own GPU.

    Raises:
        InputError: If there are fewer GPUs than processes on this machine.
    """
    local = os.environ.get("LOCAL_RANK")
    if device != "cuda" or local is None:
        return device
    if int(local) >= torch.cuda.device_count():
        raise InputError(
            f"there are {torch.cuda.device_count()} GPUs here and more processes; start one for "
            "each, or use --device cpu"
        )
    return f"cuda:{local}"


@contextmanager
def lost_processes() -> Iterator[None]:
    """Say in a line that another process has gone.

    Raises:
        ScratchticketError: Instead of what the library of the connection raises.
    """
    try:
        yield
    except RuntimeError as error:  # gloo raises no class of its own
        raise ScratchticketError(
            f"another process of this run has ended ({first_line(error)}); start the same "
            "command again with --resume"
        ) from None
