"""What a run needs to go on as if nothing had happened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from scratchticket.errors import InputError
from scratchticket.files import canonical_json, write_atomically

_KEY = "scratchticket.checkpoint"


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
        """Write it, whole or not at all: safetensors, the facts as one metadata value."""
        tensors = {name: tensor.detach().contiguous() for name, tensor in self.tensors.items()}
        content = safetensors.torch.save(tensors, {_KEY: canonical_json(self.facts)})
        write_atomically(path, content)

    @staticmethod
    def load(path: Path) -> Checkpoint:
        """Read a checkpoint onto the CPU.

        Raises:
            InputError: If the file is damaged or none.
        """
        try:
            with safe_open(path, framework="pt") as file:
                facts = json.loads((file.metadata() or {})[_KEY])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise InputError(f"{path} is not a usable checkpoint: {error}") from None
        return Checkpoint(tensors, facts)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors below ``prefix/``, by the rest of their names."""
        start = f"{prefix}/"
        return {
            name.removeprefix(start): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(start)
        }


def named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under names below ``prefix/``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}
