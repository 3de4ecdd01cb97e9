"""The forward pass of the loop, in the precision and the way a recipe asks for."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scratchticket.attacks import Network
from scratchticket.base.errors import InputError, first_line
from scratchticket.learning.recipe import LearningRecipe


def forward_pass(network: nn.Module, recipe: LearningRecipe) -> Network:
    """Return what the loop asks for logits: the module, or a faster form of the same one.

    In ``bfloat16`` convolutions and products are computed with eight bits of mantissa (autocast);
    weights, statistics, scores and gradients of parameters stay float32. Compiled, the two shapes
    of a step, with and without gradients of the weights, become two graphs.

    Args:
        network: Pixels in [0, 1] to logits; its mode may change later. Its weights are laid out as
            the recipe asks.
        recipe: Its ``precision``, ``compile`` and ``memory_format`` count.

    Returns:
        Images to logits in float32, ``(batch, class)``.
    """
    asked = _single(network) if recipe.compile == "none" else _compiled(network, recipe.compile)
    if recipe.precision == "bfloat16":
        asked = _in_half(asked)
    if recipe.memory_format == "contiguous":
        for parameter in network.parameters():
            parameter.data = parameter.data.contiguous()
        asked = _contiguous(asked)
    return asked


def _single(network: nn.Module) -> Network:
    def single(images: Tensor) -> Tensor:
        logits: Tensor = network(images)
        return logits.float()

    return single


def _in_half(asked: Network) -> Network:
    def half(images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16):
            return asked(images).float()

    return half


def _contiguous(asked: Network) -> Network:
    return lambda images: asked(images.contiguous())


def _compiled(network: nn.Module, mode: str) -> Network:
    """Return a compiled module that says in one line what it lacks."""
    compiled = torch.compile(network, mode=mode, dynamic=False)

    def ask(images: Tensor) -> Tensor:
        try:
            logits: Tensor = compiled(images)
        except torch._dynamo.exc.TorchDynamoException as error:
            raise InputError(
                f"learning.compile={mode} does not work here ({first_line(error)}); choose none"
            ) from error
        return logits.float()

    return ask
