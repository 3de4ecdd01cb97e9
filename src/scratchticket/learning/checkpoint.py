"""Checkpoints, from which a run resumes bit for bit, and their files."""

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
    """A file is not a checkpoint, or has changed since it was written."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after a step.

    Attributes:
        tensors: Learned tensors, momentum, buffers and the best epoch so far, by name.
        facts: JSON values: step, log, and a hash of the run's settings.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write the checkpoint atomically, after renaming an existing file to :func:`previous`.

        The file is safetensors; its metadata hold the facts and a hash of all tensors.

        Raises:
            Unwritable: If it cannot be written, or reads back differently.
        """
        tensors = {
            name: tensor.detach().cpu().contiguous() for name, tensor in self.tensors.items()
        }
        metadata = canonical_json({"facts": self.facts, "sha256": _digest(tensors)})
        require(2 * sum(tensor.nbytes for tensor in tensors.values()))
        content = safetensors.torch.save(tensors, {_KEY: metadata})
        try:
            if path.exists():
                path.replace(previous(path))
            write_atomically(path, content)
            intact = path.read_bytes() == content
        except OSError as error:
            raise Unwritable(f"cannot write {path}: {error.strerror}") from None
        if not intact:
            raise Unwritable(
                f"{path} reads back differently from what was written: is the disk failing?"
            )

    @staticmethod
    def load(path: Path) -> Checkpoint:
        """Read a checkpoint onto the CPU.

        Raises:
            Damaged: If the file is damaged or not a checkpoint.
            InputError: If the file cannot be read.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = parsed_json((file.metadata() or {})[_KEY])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if metadata["sha256"] != _digest(tensors):
                raise ValueError("its bytes have changed since it was written")
            return Checkpoint(tensors, dict(metadata["facts"]))
        except MemoryError:
            raise
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from None
        except Exception as error:  # a damaged file may raise anything
            raise Damaged(f"{path} is not a usable checkpoint: {error}") from None

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors named ``prefix/NAME``, by NAME."""
        start = f"{prefix}/"
        return {
            name.removeprefix(start): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(start)
        }


def previous(path: Path) -> Path:
    """Return the path of the previous checkpoint."""
    return path.with_name(f"{path.stem}.before{path.suffix}")


def newest(path: Path, tell: Callable[[str], None]) -> Checkpoint | None:
    """Return the newest intact checkpoint; None if there is no file.

    Args:
        path: Path of the newest checkpoint.
        tell: Called with a warning if the previous checkpoint has to be used.

    Raises:
        InputError: If all files are damaged, or one cannot be read.
    """
    wrong: list[str] = []
    for file in (path, previous(path)):
        if not file.exists():
            continue
        try:
            checkpoint = Checkpoint.load(file)
        except Damaged as error:
            wrong.append(str(error))
            continue
        if wrong:
            tell(f"{wrong[0]}; resuming from the previous checkpoint")
            with suppress(OSError):  # in a read-only folder nothing will be saved either
                path.unlink()  # else the next save would replace the intact file with this one
        return checkpoint
    if wrong:
        raise Damaged(wrong[0])
    return None


def discard(path: Path) -> None:
    """Delete a run's checkpoints; failures are ignored."""
    for file in (previous(path), path):
        with suppress(OSError):
            file.unlink()


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors renamed to ``prefix/NAME``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _digest(tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 of the tensors' names and values."""
    total = sha256()
    for name in sorted(tensors):
        total.update(f"{name}\0".encode())
        total.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
