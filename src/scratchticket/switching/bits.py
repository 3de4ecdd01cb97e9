"""Bits packed eight to a byte, and their fast conversion to weights."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


def packed(bits: Tensor) -> Tensor:
    """Return a bool tensor packed eight bits to a byte, lowest bit first, as uint8."""
    return torch.from_numpy(np.packbits(bits.flatten().cpu().numpy(), bitorder="little")).to(
        bits.device
    )


def padded(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Return flat float32 zeros for a parameter, their number rounded up to a multiple of 8."""
    return torch.zeros(-(-torch.Size(shape).numel() // 8) * 8, device=device)


def write_signs(target: Tensor, mask: Tensor, signs: Tensor, constant: float) -> None:
    """Write ``constant`` with the given signs where the mask is set, and 0 elsewhere.

    Args:
        target: Padded float32 tensor, changed in place.
        mask: Packed mask.
        signs: Packed signs; a bit is set where the weight is positive.
        constant: Absolute value of all weights.
    """
    pairs = mask.to(torch.int32).mul_(256).add_(signs)
    torch.index_select(_signs(target.device), 0, pairs, out=target.view(-1, 8))
    target.mul_(constant)


def write_masked(target: Tensor, mask: Tensor, weights: Tensor) -> None:
    """Write the weights where the mask is set, and 0 elsewhere.

    Args:
        target: Padded float32 tensor, changed in place.
        mask: Packed mask.
        weights: Padded float32 tensor.
    """
    bits = target.view(torch.int32)
    torch.index_select(_ones(target.device), 0, mask.to(torch.int32), out=bits.view(-1, 8))
    bits.bitwise_and_(weights.view(torch.int32))


def bits_of_bytes(device: torch.device) -> Tensor:
    """Return the eight bits of every byte, lowest first: ``(256, 8)``, bool."""
    values = torch.arange(256, dtype=torch.int32, device=device)
    return values[:, None].bitwise_right_shift(torch.arange(8, device=device)).bitwise_and(1) == 1


@lru_cache
def _ones(device: torch.device) -> Tensor:
    """Return a table from a byte of the mask to eight int32 with all or no bits set."""
    return -bits_of_bytes(device).to(torch.int32)


@lru_cache
def _signs(device: torch.device) -> Tensor:
    """Return a table from a byte of the mask and a byte of signs to eight values -1, 0 or 1."""
    table = bits_of_bytes(device)
    signs = torch.where(table, 1.0, -1.0)
    return torch.where(table[:, None, :], signs[None], 0.0).reshape(-1, 8)
