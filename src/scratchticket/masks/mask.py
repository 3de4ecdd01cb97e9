"""The mask of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from scratchticket.base.errors import InputError


class Mask(Mapping[str, Tensor]):
    """Which weights of a network remain: parameter name to bool tensor, ``True`` = remains.

    A mask is immutable and compared by value.

    Args:
        layers: Name and mask of each masked parameter, in the network's order.

    Raises:
        InputError: If a layer's mask is not boolean or keeps no weight.

    Example:
        >>> mask = Mask({"fc.weight": torch.tensor([[True, False], [False, False]])})
        >>> mask.kept, mask.total, mask.remaining_ratio
        (1, 4, 0.25)
    """

    def __init__(self, layers: Mapping[str, Tensor]) -> None:
        self._layers: dict[str, Tensor] = {}
        for name, layer in layers.items():
            if layer.dtype != torch.bool:
                raise InputError(f"the mask of {name} must be boolean, got {layer.dtype}")
            if not layer.any():
                raise InputError(f"the mask of {name} keeps no weight, which cuts the network off")
            self._layers[name] = layer.detach().cpu().clone(memory_format=torch.contiguous_format)

    def __getitem__(self, name: str) -> Tensor:
        return self._layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        return list(self) == list(other) and all(
            torch.equal(self[name], other[name]) for name in self
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Mask({len(self)} layers, {self.kept:,} of {self.total:,} weights)"

    @property
    def kept(self) -> int:
        """Number of weights that remain."""
        return sum(int(layer.sum()) for layer in self.values())

    @property
    def total(self) -> int:
        """Number of weights the mask covers."""
        return sum(layer.numel() for layer in self.values())

    @property
    def remaining_ratio(self) -> float:
        """Fraction of the covered weights that remain, in (0, 1]."""
        return self.kept / self.total

    def apply(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the masked weights; pruned weights are +0.0, never -0.0."""
        return {
            name: torch.where(layer.to(weights[name].device), weights[name], 0.0)
            for name, layer in self.items()
        }
