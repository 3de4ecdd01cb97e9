"""The outer minimisation: SGD on what is learned."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim.sgd import sgd

from scratchticket.learning.recipe import LearningRecipe


class Descent:
    """SGD with momentum and weight decay, as PyTorch computes it.

    The class around it, ``torch.optim.SGD``, imports PyTorch's compiler when it is made: two
    seconds before the first step of every run.

    Args:
        tensors: What is learned, by name.
        recipe: Has momentum and weight decay.

    Attributes:
        momentum: Of each tensor; None before its first step, and if the recipe has none.
    """

    def __init__(self, tensors: Mapping[str, Tensor], recipe: LearningRecipe) -> None:
        self._tensors, self._recipe = dict(tensors), recipe
        self.momentum: dict[str, Tensor | None] = dict.fromkeys(tensors)

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update all tensors that have a gradient, and clear their gradients."""
        some = {name: t for name, t in self._tensors.items() if t.grad is not None}
        gradients = [t.grad for t in some.values() if t.grad is not None]
        buffers = [self.momentum[name] for name in some]
        sgd(
            list(some.values()),
            gradients,
            buffers,
            weight_decay=self._recipe.weight_decay,
            momentum=self._recipe.momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )
        self.momentum.update(zip(some, buffers, strict=True))
        self.clear()

    def clear(self) -> None:
        """Forget all gradients."""
        for tensor in self._tensors.values():
            tensor.grad = None
