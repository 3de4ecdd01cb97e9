"""Losses that attacks maximise: functions of logits and labels with one value per image."""

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
        ``(batch,)``, like every loss in this file.
    """
    return F.cross_entropy(logits, labels, reduction="none")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the largest wrong logit minus the right one (Carlini and Wagner, 2017).

    It is positive exactly where the network is fooled, and its gradient does not vanish where the
    network is confident.
    """
    right = logits.gather(1, labels[:, None]).squeeze(1)
    return _wrong_logits(logits, labels).amax(dim=1) - right


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the difference of logits ratio (Croce and Hein, 2020, arXiv:2003.01690, Eq. 6).

    It is the margin divided by the difference of the largest and third largest logit, and so
    invariant to the scale of the logits.

    Raises:
        InputError: If there are fewer than three classes.
    """
    if logits.shape[1] < 3:
        raise InputError(f"the DLR loss needs at least 3 classes, got {logits.shape[1]}")
    top = logits.topk(3, dim=1).values
    return margin(logits, labels) / (top[:, 0] - top[:, 2] + _TINY)


def targeted_dlr(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """Return the targeted DLR loss (Croce and Hein, 2020, Eq. 7).

    Args:
        logits: ``(batch, classes)``.
        labels: int64, ``(batch,)``.
        targets: Target classes, int64, ``(batch,)``.

    Raises:
        InputError: If there are fewer than four classes.
    """
    if logits.shape[1] < 4:
        raise InputError(f"the targeted DLR loss needs at least 4 classes, got {logits.shape[1]}")
    top = logits.topk(4, dim=1).values
    right, wanted = logits.gather(1, torch.stack([labels, targets], dim=1)).unbind(dim=1)
    return (wanted - right) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + _TINY)


def scaled_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of logits scaled to standard deviation 1 per image.

    Very large logits make the gradient of the cross-entropy vanish in single precision, a form of
    gradient masking. This loss still has a gradient there.
    """
    return cross_entropy(logits / (logits.detach().std(dim=1, keepdim=True) + _TINY), labels)


def wrong(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the 0-1 error: 1 where the network is fooled, else 0."""
    return (logits.argmax(dim=1) != labels).to(logits.dtype)


def _wrong_logits(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the logits with the label's replaced by minus infinity."""
    return logits.scatter(1, labels[:, None], -torch.inf)


LOSSES: dict[str, Loss] = {
    "ce": cross_entropy,
    "margin": margin,
    "dlr": dlr,
    "scaled-ce": scaled_cross_entropy,
}
