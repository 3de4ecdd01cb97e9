"""What is learned: the scores of frozen random weights, or the weights themselves.

A learner stands between the optimiser and a plain module (decision 1). Before each step it writes
the weights the module should have; after the backward pass it turns the module's weight gradients
into gradients of what is learned. The module never knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from math import prod, sqrt
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from scratchticket import rng
from scratchticket.masks import Ratio, keep_top, parse_ratio
from scratchticket.quantities import fraction_text


class Learner(Protocol):
    """What the loop needs to know of anything that is learned."""

    def tensors(self) -> dict[str, Tensor]:
        """Return what the optimiser updates and a checkpoint keeps, by parameter name."""

    def write(self) -> None:
        """Write the weights that follow from the current tensors into the module."""

    def collect(self) -> None:
        """Turn the module's weight gradients into ``.grad`` of the tensors; clear the former."""

    def result(self) -> dict[str, Tensor]:
        """Return what a ticket stores of each parameter: a bool mask, or float weights."""

    def identity(self) -> dict[str, Any]:
        """Return JSON values that differ where two learners must not share a checkpoint."""


def initial_scores(seed: int, name: str, shape: tuple[int, ...]) -> Tensor:
    """Return scores drawn from U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), as the released code does.

    Returns:
        float32 of the given shape.
    """
    bound = 1 / sqrt(prod(shape[1:]))
    uniform = rng.uniforms(rng.score_words(seed, name, prod(shape)))
    return torch.from_numpy((2 * uniform - 1) * bound).to(torch.float32).view(shape)


def _digest(weights: Mapping[str, Tensor]) -> str:
    """Return a hash of names and values."""
    total = sha256()
    for name, weight in weights.items():
        total.update(name.encode() + weight.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


class ScoreLearner:
    """Learns which weights remain; the weights stay as they are, bit for bit.

    The mask keeps the scores of largest magnitude in each layer (Ramanujan et al., 2020). Backward
    passes the mask's gradient to the scores unchanged (the straight-through estimator, Bengio et
    al., 2013), so that ``d loss / d score = d loss / d weight * random weight * sign(score)``; all
    scores receive it, whether their weight remains or not.

    Args:
        parameters: The maskable parameters of the module, holding the random weights.
        remaining_ratio: Fraction kept in each layer, in (0, 1].
        seed: Of the initial scores.
    """

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], remaining_ratio: Ratio, seed: int
    ) -> None:
        self._parameters = dict(parameters)
        self._ratio = remaining_ratio
        self._weights = {
            name: p.detach().clone(memory_format=torch.contiguous_format)
            for name, p in parameters.items()
        }
        self._scores = {
            name: initial_scores(seed, name, tuple(p.shape)).to(p) for name, p in parameters.items()
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return the scores."""
        return self._scores

    def write(self) -> None:
        """Write ``weight * mask`` into the module."""
        with torch.no_grad():
            for name, mask in self.result().items():
                weight = self._weights[name]
                self._parameters[name].copy_(torch.where(mask, weight, 0.0))

    def collect(self) -> None:
        """Give each score its straight-through gradient."""
        for name, parameter in self._parameters.items():
            assert parameter.grad is not None
            signed = self._weights[name] * self._scores[name].sign()
            self._scores[name].grad = signed.mul_(parameter.grad)
            parameter.grad = None

    def result(self) -> dict[str, Tensor]:
        """Return the mask of each layer."""
        return {name: keep_top(score.abs(), self._ratio) for name, score in self._scores.items()}

    def identity(self) -> dict[str, Any]:
        """Return the ratio and a hash of the frozen weights."""
        return {"scores": fraction_text(parse_ratio(self._ratio)), "of": _digest(self._weights)}


class WeightLearner:
    """Learns all weights: training a dense network.

    Args:
        parameters: The parameters of the module, holding the weights to start from.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self._parameters = dict(parameters)
        self._start = _digest(self._parameters)

    def tensors(self) -> dict[str, Tensor]:
        """Return the parameters themselves."""
        return dict(self._parameters)

    def write(self) -> None:
        """Do nothing: the weights are where they belong."""

    def collect(self) -> None:
        """Do nothing: the gradients are where the optimiser looks."""

    def result(self) -> dict[str, Tensor]:
        """Return the weights."""
        return {name: parameter.detach() for name, parameter in self._parameters.items()}

    def identity(self) -> dict[str, Any]:
        """Return a hash of the weights to start from."""
        return {"weights": self._start}
