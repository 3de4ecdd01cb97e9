"""Checked outputs of a network, from which every accuracy is computed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scratchticket.attacks import Network
from scratchticket.base.errors import InputError


def check_ready(network: Network) -> None:
    """Raise an error if a module cannot be evaluated.

    Raises:
        InputError: If it is in training mode, or its weights are inference tensors.
    """
    if not isinstance(network, nn.Module):
        return
    if network.training:
        raise InputError("the network is in training mode; call its eval() first")
    if any(parameter.is_inference() for parameter in network.parameters()):
        raise InputError(
            "the network was made inside torch.inference_mode, so attacks get no gradients from "
            "it; make it outside"
        )


def checked_logits(network: Network) -> Network:
    """Return a network that checks its logits and returns them in float32.

    Raises:
        InputError: At a call, if the output is not logits: a floating-point tensor ``(batch,
            class)``.
    """

    def ask(images: Tensor) -> Tensor:
        logits = network(images)
        if not isinstance(logits, Tensor):
            got = type(logits).__name__
        elif logits.ndim != 2 or len(logits) != len(images):
            got = str(tuple(logits.shape))
        elif not logits.is_floating_point():
            got = str(logits.dtype)
        else:
            return logits.float()
        raise InputError(
            f"the network must return logits of shape ({len(images)}, classes), got {got}"
        )

    return ask


def predictions(network: Network, images: Tensor) -> Tensor:
    """Return the predicted class of each image: int64, ``(batch,)``.

    Raises:
        InputError: If the output is not logits, or a logit is NaN.
    """
    return _logits(network, images).argmax(dim=1)


def correct(network: Network, images: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return which images are classified correctly: bool, ``(batch,)``.

    Args:
        network: Pixels in [0, 1] to logits.
        images: Pixels, ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        classes: Smallest allowed number of logits.

    Raises:
        InputError: If the output is not logits of that many classes, or a logit is NaN.
    """
    logits = _logits(network, images)
    if logits.shape[1] < classes:
        raise InputError(
            f"the network has {logits.shape[1]} classes, but there are labels up to {classes - 1}"
        )
    return logits.argmax(dim=1) == labels


def _logits(network: Network, images: Tensor) -> Tensor:
    """Return the logits; raise an error for NaN, for which argmax is meaningless."""
    with torch.no_grad():
        logits = checked_logits(network)(images)
    if bad := int(logits.isnan().any(dim=1).sum()):
        raise InputError(f"the network returns NaN as a logit of {bad} of {len(images)} images")
    return logits
