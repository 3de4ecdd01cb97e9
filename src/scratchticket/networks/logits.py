"""Batch norm on the logits, so that their scale does not depend on the remaining ratio."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from scratchticket.networks.parameters import layers_of

_BODY, _LOGITS = "body", "logits"


class LogitNorm(nn.Module):
    """Batch norm without parameters, then a fixed gain (Robust Binary Subnetworks, 2022).

    Args:
        classes: Number of logits.
        gain: Factor on the normalised logits, which is their standard deviation over images.
    """

    def __init__(self, classes: int, gain: float) -> None:
        super().__init__()
        self.norm, self.gain = nn.BatchNorm1d(classes, affine=False), gain

    def forward(self, logits: Tensor) -> Tensor:  # (batch, class) -> the same
        normalised: Tensor = self.norm(logits)
        return normalised * self.gain


def with_logit_norm(module: nn.Module, classes: int, gain: float) -> nn.Sequential:
    """Return a module followed by a :class:`LogitNorm`.

    A plain ``nn.Sequential`` gets it as an additional last layer, ``logits``; the names of its
    other layers stay. A module of another type, or with state of its own or a child named
    ``logits``, becomes the child ``body`` of the result.
    """
    own = layers_of(module, _LOGITS)
    layers = {_BODY: module} if own is None else own
    return nn.Sequential(OrderedDict({**layers, _LOGITS: LogitNorm(classes, gain)}))
