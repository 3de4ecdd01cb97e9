"""Health checks of a run: values that stop it, and warnings for its log."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from scratchticket.learning.statistics import BATCH_NORMS

ALIKE = 1e-6  # logits that differ by less count as equal
CONSTANT = 1e-10  # channels of a smaller variance count as constant


def not_finite(loss: Tensor, learned: Mapping[str, Tensor]) -> str | None:
    """Return what is not finite, in words; None if everything is finite.

    Args:
        loss: A scalar.
        learned: Tensors that the optimiser updates, by name.
    """
    if not torch.isfinite(loss):
        return "the loss"
    for name, tensor in learned.items():
        if not torch.isfinite(tensor).all():
            return f"a learned value of {name}"
    return None


def signs(network: nn.Module, result: Mapping[str, Tensor], images: Tensor) -> tuple[str, ...]:
    """Return warnings of a network that has collapsed without an error.

    Args:
        network: In eval mode, with the batch-norm statistics it is evaluated with.
        result: By parameter: a bool mask, or float weights.
        images: Some pixels in [0, 1].

    Returns:
        A line for each layer without remaining weights and for each batch norm with constant
        inputs only, and one if all images get the same logits.
    """
    warnings = [
        f"nothing remains of {name}"
        for name, value in result.items()
        if value.dtype == torch.bool and not value.any()
    ]
    for name, module in network.named_modules():
        variance = module.running_var if isinstance(module, BATCH_NORMS) else None
        if variance is not None and bool((variance < CONSTANT).all()):
            warnings.append(f"all channels before {name} are constant")
    with torch.no_grad():
        logits = network(images)
    if len(logits) > 1 and float((logits - logits[0]).abs().max()) < ALIKE:
        warnings.append("the network gives all images the same logits")
    return tuple(warnings)
