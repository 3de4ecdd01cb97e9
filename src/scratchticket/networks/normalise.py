"""Normalisation as the network's first layer, so that epsilon is always in pixels of [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from scratchticket.base.errors import InputError


class Normalise(nn.Module):
    """``(pixels - mean) / std`` per channel; the constants are fixed, not learned.

    Args:
        mean: One value per channel, of pixels in [0, 1].
        std: One value per channel.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # Not persistent: a ticket stores them in its header, not among its statistics.
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:  # (batch, channel, height, width) -> the same
        channels = self.mean.shape[0]
        if images.ndim != 4 or images.shape[1] != channels:
            raise InputError(
                f"the network takes images of shape (batch, {channels}, height, width), got "
                f"{tuple(images.shape)}"
            )
        if not images.is_floating_point():
            raise InputError(
                f"the network takes float pixels in [0, 1], got {images.dtype}: divide by 255"
            )
        return (images - self.mean) / self.std
