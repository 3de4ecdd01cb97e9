"""Health checks of a run: values that are not finite, and signs of collapse."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from scratchticket.learning.statistics import BATCH_NORMS

ALIKE = 1e-6  # logits that differ by less count as equal
CONSTANT = 1e-10  # channels with a smaller variance count as constant


def not_finite(loss: Tensor, learned: Mapping[str, Tensor]) -> str | None:
    """Return, as words for an error message, what is not finite; None if everything is finite.

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
    """Return warnings about a network that has collapsed, which raises no error by itself.

    Args:
        network: In eval mode, with the batch-norm statistics it is evaluated with.
        result: Bool mask or float weights of each parameter, by name.
        images: Some pixels in [0, 1].

    Returns:
        A line for each layer without remaining weights, for each batch norm whose inputs are all
        constant, and one if all images get the same logits.
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
