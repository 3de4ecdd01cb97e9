"""The forward pass of the loop, with the recipe's precision, compilation and memory format."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scratchticket.attacks import Network
from scratchticket.base.errors import InputError, first_line
from scratchticket.learning.recipe import LearningRecipe


def forward_pass(network: nn.Module, recipe: LearningRecipe) -> Network:
    """Return the network as a function from images to logits, with the recipe's speed settings.

    In ``bfloat16`` convolutions and matrix products run under autocast; weights, statistics, scores
    and gradients of parameters stay float32. A compiled module has two graphs, with and without
    gradients of the weights.

    Args:
        network: Pixels in [0, 1] to logits; its mode may change later. Its weights are put in the
            recipe's memory format.
        recipe: Its ``precision``, ``compile`` and ``memory_format`` are used.

    Returns:
        Images to logits in float32, ``(batch, class)``.
    """
    forward = _float32(network) if recipe.compile == "none" else _compiled(network, recipe.compile)
    if recipe.precision == "bfloat16":
        forward = _bfloat16(forward)
    if recipe.memory_format == "contiguous":
        for parameter in network.parameters():
            parameter.data = parameter.data.contiguous()
        forward = _contiguous(forward)
    return forward


def _float32(network: nn.Module) -> Network:
    def forward(images: Tensor) -> Tensor:
        logits: Tensor = network(images)
        return logits.float()

    return forward


def _bfloat16(inner: Network) -> Network:
    def forward(images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16):
            return inner(images).float()

    return forward


def _contiguous(inner: Network) -> Network:
    return lambda images: inner(images.contiguous())


def _compiled(network: nn.Module, mode: str) -> Network:
    """Return the compiled module; a failure to compile becomes an InputError."""
    compiled = torch.compile(network, mode=mode, dynamic=False)

    def forward(images: Tensor) -> Tensor:
        try:
            logits: Tensor = compiled(images)
        except torch._dynamo.exc.TorchDynamoException as error:
            raise InputError(
                f"learning.compile={mode} does not work here ({first_line(error)}); choose none"
            ) from error
        return logits.float()

    return forward
