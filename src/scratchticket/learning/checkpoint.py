"""What a run needs to go on as if nothing had happened, and where it is kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor

from scratchticket.base.errors import InputError, Unwritable
from scratchticket.base.files import canonical_json, parsed_json, write_atomically
from scratchticket.base.memory import require

_KEY = "scratchticket.checkpoint"


class Damaged(InputError):
    """A file is no checkpoint, or no longer the one that was written."""


@dataclass(frozen=True)
class Checkpoint:
    """A point of a run.

    Attributes:
        tensors: By name: learned tensors, momentum, buffers, the best epoch so far.
        facts: JSON values: step, log, identity of the run.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write it, whole or not at all; the one that was there before is kept beside it.

        The file is safetensors, with the facts and a hash of all tensors as one metadata value.

        Raises:
            Unwritable: If it cannot be written, or reads back as something else.
        """
        tensors = {
            name: tensor.detach().cpu().contiguous() for name, tensor in self.tensors.items()
        }
        told = canonical_json({"facts": self.facts, "sha256": _digest(tensors)})
        require(2 * sum(tensor.nbytes for tensor in tensors.values()))
        content = safetensors.torch.save(tensors, {_KEY: told})
        try:
            if path.exists():
                path.replace(before(path))
            write_atomically(path, content)
            whole = path.read_bytes() == content
        except OSError as error:
            raise Unwritable(f"cannot write {path}: {error.strerror}") from None
        if not whole:
            raise Unwritable(f"{path} was not written as it should be: is the disk failing?")

    @staticmethod
    def load(path: Path) -> Checkpoint:
        """Read a checkpoint onto the CPU.

        Raises:
            Damaged: If the file is damaged or none.
            InputError: If it cannot be read now, whatever it holds.
        """
        try:
            with safe_open(path, framework="pt") as file:
                told = parsed_json((file.metadata() or {})[_KEY])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if told["sha256"] != _digest(tensors):
                raise ValueError("its bytes have changed since it was written")
            return Checkpoint(tensors, dict(told["facts"]))
        except MemoryError:
            raise
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from None
        except Exception as error:  # a damaged file may raise anything
            raise Damaged(f"{path} is not a usable checkpoint: {error}") from None

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors below ``prefix/``, by the rest of their names."""
        start = f"{prefix}/"
        return {
            name.removeprefix(start): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(start)
        }


def before(path: Path) -> Path:
    """Return where the checkpoint before the newest is kept."""
    return path.with_name(f"{path.stem}.before{path.suffix}")


def newest(path: Path, tell: Callable[[str], None]) -> Checkpoint | None:
    """Return the newest checkpoint that can be used; none if there is none at all.

    Args:
        path: Where the newest is, or was.
        tell: Called with what is wrong with it, if the one before it is used.

    Raises:
        InputError: If there are some but none can be used, or one cannot be read now.
    """
    wrong: list[str] = []
    for file in (path, before(path)):
        if not file.exists():
            continue
        try:
            checkpoint = Checkpoint.load(file)
        except Damaged as error:
            wrong.append(str(error))
            continue
        if wrong:
            tell(f"{wrong[0]}; going on from the one before")
            with suppress(OSError):  # where nothing can be removed, nothing will be written
                path.unlink()  # it must not take the place of the one before
        return checkpoint
    if wrong:
        raise Damaged(wrong[0])
    return None


def discard(path: Path) -> None:
    """Remove a run's checkpoints, if they can be removed."""
    for file in (before(path), path):
        with suppress(OSError):
            file.unlink()


def named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under names below ``prefix/``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _digest(tensors: dict[str, Tensor]) -> str:
    """Return a hash of names and values."""
    total = sha256()
    for name in sorted(tensors):
        total.update(f"{name}\0".encode())
        total.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
