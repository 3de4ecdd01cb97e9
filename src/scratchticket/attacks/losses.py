"""What an attack makes large: one number per image, from its logits and its label."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from scratchticket.base.errors import InputError

Loss = Callable[[Tensor, Tensor], Tensor]
_TINY = 1e-12


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of each image: the loss of Eq. 1 and 2.

    Args:
        logits: ``(batch, classes)``.
        labels: int64, ``(batch,)``.

    Returns:
        ``(batch,)``, as of every loss here.
    """
    return F.cross_entropy(logits, labels, reduction="none")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Return by how much the best wrong logit exceeds the right one (Carlini and Wagner, 2017).

    It is positive just where the network is fooled, and its gradient does not vanish where the
    network is sure.
    """
    right = logits.gather(1, labels[:, None]).squeeze(1)
    return _without(logits, labels).amax(dim=1) - right


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the difference of logits ratio (Croce and Hein, 2020, arXiv:2003.01690, Eq. 6).

    The margin divided by the distance from the largest to the third largest logit: multiplying all
    logits by a number changes nothing.

    Raises:
        InputError: If there are fewer than three classes.
    """
    if logits.shape[1] < 3:
        raise InputError(f"the DLR loss needs at least 3 classes, got {logits.shape[1]}")
    top = logits.topk(3, dim=1).values
    return margin(logits, labels) / (top[:, 0] - top[:, 2] + _TINY)


def targeted_dlr(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """Return the loss that leads towards given classes (Croce and Hein, 2020, Eq. 7).

    Args:
        logits: ``(batch, classes)``.
        labels: int64, ``(batch,)``.
        targets: int64, ``(batch,)``.

    Raises:
        InputError: If there are fewer than four classes.
    """
    if logits.shape[1] < 4:
        raise InputError(f"the targeted DLR loss needs at least 4 classes, got {logits.shape[1]}")
    top = logits.topk(4, dim=1).values
    right, wanted = logits.gather(1, torch.stack([labels, targets], dim=1)).unbind(dim=1)
    return (wanted - right) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + _TINY)


def scaled_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of logits brought to standard deviation 1, image by image.

    Very large logits make the gradient of the cross-entropy vanish in single precision; this loss
    shows whether they did.
    """
    return cross_entropy(logits / (logits.detach().std(dim=1, keepdim=True) + _TINY), labels)


def wrong(logits: Tensor, labels: Tensor) -> Tensor:
    """Return 1 where the network is fooled, else 0: no loss, but what attacks are judged by."""
    return (logits.argmax(dim=1) != labels).to(logits.dtype)


def _without(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the logits with that of the label at minus infinity."""
    return logits.scatter(1, labels[:, None], -torch.inf)


LOSSES: dict[str, Loss] = {
    "ce": cross_entropy,
    "margin": margin,
    "dlr": dlr,
    "scaled-ce": scaled_cross_entropy,
}
