"""Logits of one size, however few weights make them."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from scratchticket.networks.parameters import layers_of

_BODY, _LOGITS = "body", "logits"


class LogitNorm(nn.Module):
    """Batch norm without parameters, and a fixed gain (Robust Binary Subnetworks, 2022).

    Args:
        classes: Number of logits.
        gain: What normalised logits are multiplied by: their standard deviation over images.
    """

    def __init__(self, classes: int, gain: float) -> None:
        super().__init__()
        self.norm, self.gain = nn.BatchNorm1d(classes, affine=False), gain

    def forward(self, logits: Tensor) -> Tensor:  # (batch, class) -> the same
        normalised: Tensor = self.norm(logits)
        return normalised * self.gain


def with_logit_norm(module: nn.Module, classes: int, gain: float) -> nn.Sequential:
    """Put a :class:`LogitNorm` behind a module.

    A plain ``nn.Sequential`` gets it as its last layer, ``logits``, and keeps the names of the
    others; any other module, or one with a child of such a name, or with more than its children,
    becomes its ``body``.
    """
    own = layers_of(module, _LOGITS)
    layers = {_BODY: module} if own is None else own
    return nn.Sequential(OrderedDict({**layers, _LOGITS: LogitNorm(classes, gain)}))
