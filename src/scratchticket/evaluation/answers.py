"""What a network answers, checked: every accuracy is made of this."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scratchticket.attacks import Network
from scratchticket.base.errors import InputError


def check_judged(network: Network) -> None:
    """Refuse a module that is not ready to be judged.

    Raises:
        InputError: If it is in training mode, or no gradient can go through its weights.
    """
    if not isinstance(network, nn.Module):
        return
    if network.training:
        raise InputError("the network is in training mode; call its eval() first")
    if any(parameter.is_inference() for parameter in network.parameters()):
        raise InputError(
            "the network was made inside torch.inference_mode, so that no attack gets a gradient "
            "from it; make it outside"
        )


def answering(network: Network) -> Network:
    """Return the same network, that answers with logits in float32 or with an error.

    Raises:
        InputError: When it is asked, if what it returns are no logits: a floating-point tensor,
            ``(batch, class)``.
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
    """Return the class of the largest logit of each image: int64, ``(batch,)``.

    Raises:
        InputError: If what the network returns are no logits, or one of them is NaN.
    """
    return _judged(network, images).argmax(dim=1)


def correct(network: Network, images: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return which images are classified correctly: bool, ``(batch,)``.

    Args:
        network: Pixels in [0, 1] to logits.
        images: Pixels, ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        classes: How many logits there must be at least.

    Raises:
        InputError: If what the network returns are no logits of so many classes, or one is NaN.
    """
    logits = _judged(network, images)
    if logits.shape[1] < classes:
        raise InputError(
            f"the network has {logits.shape[1]} classes, but there are labels up to {classes - 1}"
        )
    return logits.argmax(dim=1) == labels


def _judged(network: Network, images: Tensor) -> Tensor:
    """Return logits, none of them NaN: of those the largest would be none."""
    with torch.no_grad():
        logits = answering(network)(images)
    if bad := int(logits.isnan().any(dim=1).sum()):
        raise InputError(f"the network returns NaN as a logit of {bad} of {len(images)} images")
    return logits
