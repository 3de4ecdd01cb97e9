"""Numbers that go wrong: what stops a run, and what its reader should know."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from scratchticket.learning.statistics import BATCH_NORMS

ALIKE = 1e-6  # logits that differ less are the same
CONSTANT = 1e-10  # a variance of pixels in [0, 1] after a layer that is none


def not_finite(loss: Tensor, learned: Mapping[str, Tensor]) -> str | None:
    """Return what is no longer finite; none if everything is.

    Args:
        loss: A scalar.
        learned: What the optimiser updates, by name.
    """
    if not torch.isfinite(loss):
        return "the loss"
    for name, tensor in learned.items():
        if not torch.isfinite(tensor).all():
            return f"what is learned of {name}"
    return None


def signs(network: nn.Module, result: Mapping[str, Tensor], images: Tensor) -> tuple[str, ...]:
    """Return what is wrong with a network that has not failed yet.

    Args:
        network: In eval mode, with the batch-norm statistics it is judged with.
        result: What a ticket stores of each parameter: a bool mask, or float weights.
        images: Some pixels in [0, 1].

    Returns:
        A line each: layers of which nothing remains, answers that are the same for all images,
        layers whose channels are all constant.
    """
    found = [
        f"nothing remains of {name}"
        for name, kept in result.items()
        if kept.dtype == torch.bool and not kept.any()
    ]
    for name, module in network.named_modules():
        variance = module.running_var if isinstance(module, BATCH_NORMS) else None
        if variance is not None and bool((variance < CONSTANT).all()):
            found.append(f"all channels before {name} are constant")
    with torch.no_grad():
        logits = network(images)
    if len(logits) > 1 and float((logits - logits[0]).abs().max()) < ALIKE:
        found.append("the network gives all images the same logits")
    return tuple(found)
