"""What is learned: the scores of frozen random weights, or the weights themselves.

A learner stands between the optimiser and a plain module (decision 1). Before each step it writes
the weights the module should have; after the backward pass it turns the module's weight gradients
into gradients of what is learned. The module never knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from math import prod, sqrt
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from scratchticket import rng
from scratchticket.masks import Selector, score_bound


class Learner(Protocol):
    """What the loop needs to know of anything that is learned."""

    def parameters(self) -> list[nn.Parameter]:
        """Return the module's parameters whose gradients it needs."""

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


def initial_scores(
    seed: int, name: str, shape: tuple[int, ...], *, of_channels: bool = False
) -> Tensor:
    """Return the scores a search starts from, as the released code draws them.

    They are uniform in (-1 / sqrt(fan_in), 1 / sqrt(fan_in)), where the fan-in is that of the
    scores: the product of all dimensions but the first. Scores of whole output channels are
    standard normal.

    Args:
        seed: Of the scores.
        name: Of the parameter.
        shape: Of the scores.
        of_channels: Whether they are of whole output channels.

    Returns:
        float32 of the given shape.
    """
    words = rng.score_words(seed, name, prod(shape))
    if of_channels:
        values = rng.normals(words)
    else:
        values = (2 * rng.uniforms(words) - 1) * score_bound(shape)
    return torch.from_numpy(values.astype(np.float32)).view(shape)


def magnitude_scores(weights: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return scores that rank weights as their magnitudes do, in the range of the random ones.

    Where a score covers several weights it is the sum of their magnitudes. Scaled as in HYDRA
    (Sehwag et al., 2020, arXiv:2002.10509), the largest score of a layer is at the bound of
    :func:`initial_scores`, times sqrt(6).

    Returns:
        float32 of the given shape.
    """
    sums = weights.detach().abs().sum_to_size(shape)
    return sums * (sqrt(6) * score_bound(shape) / sums.max().clamp_min(1e-12))


def _digest(weights: Mapping[str, Tensor]) -> str:
    """Return a hash of names and values."""
    total = sha256()
    for name, weight in weights.items():
        total.update(name.encode() + weight.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


class ScoreLearner:
    """Learns which weights remain; the weights stay as they are, bit for bit.

    The mask keeps the scores of largest magnitude (Ramanujan et al., 2020). Backward passes the
    mask's gradient to the scores unchanged (the straight-through estimator, Bengio et al., 2013),
    so that ``d loss / d score = d loss / d weight * random weight * sign(score)``, summed over the
    weights that one score decides about; all scores receive it, whether their weights remain or
    not.

    Args:
        parameters: The maskable parameters of the module, holding the weights to choose from.
        selector: From the scores' magnitudes to masks.
        seed: Of the initial scores; none to start from the magnitudes of the weights.
    """

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], selector: Selector, seed: int | None
    ) -> None:
        self._parameters = dict(parameters)
        self._select = selector
        #: The weights to choose from, which stay as they are.
        self.weights = {
            name: p.detach().clone(memory_format=torch.contiguous_format)
            for name, p in parameters.items()
        }
        self._scores = {}
        for name, weight in self.weights.items():
            shape = selector.shapes[name]
            self._scores[name] = (
                magnitude_scores(weight, shape)
                if seed is None
                else self._initial(seed, name).to(weight)
            )

    def _initial(self, seed: int, name: str) -> Tensor:
        shape, of_channels = self._select.shapes[name], name in self._select.of_channels
        return initial_scores(seed, name, shape, of_channels=of_channels)

    def parameters(self) -> list[nn.Parameter]:
        """Return the masked parameters."""
        return list(self._parameters.values())

    def tensors(self) -> dict[str, Tensor]:
        """Return the scores."""
        return self._scores

    def write(self) -> None:
        """Write ``weight * mask`` into the module."""
        with torch.no_grad():
            for name, mask in self._masks().items():
                weight = self.weights[name]
                torch.where(mask, weight, weight.new_zeros(()), out=self._parameters[name])

    def collect(self) -> None:
        """Give each score its straight-through gradient; none where the layer was not used."""
        for name, parameter in self._parameters.items():
            if parameter.grad is None:
                continue
            score = self._scores[name]
            gradient = (self.weights[name] * parameter.grad).sum_to_size(score.shape)
            score.grad = gradient.mul_(score.sign()).contiguous()
            parameter.grad = None

    def _masks(self) -> dict[str, Tensor]:
        """Return the masks in the shapes of the scores."""
        return self._select(self._scores)

    def result(self) -> dict[str, Tensor]:
        """Return the mask of each layer, in the shape of its weight."""
        return {n: mask.expand_as(self.weights[n]) for n, mask in self._masks().items()}

    def identity(self) -> dict[str, Any]:
        """Return what selects, and a hash of the frozen weights."""
        return {"scores": self._select.facts(), "of": _digest(self.weights)}


class WeightLearner:
    """Learns weights: all of a dense network, or those that remain in a ticket.

    Args:
        parameters: The parameters of the module, holding the weights to start from.
        mask: Which weights of a parameter are learned; the others are and stay +0.0. A parameter
            without a mask is learned as a whole.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        mask: Mapping[str, Tensor] = MappingProxyType({}),
    ) -> None:
        self._parameters = dict(parameters)
        self._mask = {name: layer.to(parameters[name].device) for name, layer in mask.items()}
        self.write()
        self._start = _digest(self._parameters)

    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters."""
        return list(self._parameters.values())

    def tensors(self) -> dict[str, Tensor]:
        """Return the parameters themselves."""
        return dict(self._parameters)

    def write(self) -> None:
        """Set the weights that do not remain to +0.0."""
        with torch.no_grad():
            for name, mask in self._mask.items():
                self._parameters[name].masked_fill_(~mask, 0.0)

    def collect(self) -> None:
        """Take the gradients of weights that do not remain away."""
        for name, mask in self._mask.items():
            gradient = self._parameters[name].grad
            if gradient is not None:
                gradient.masked_fill_(~mask, 0.0)

    def result(self) -> dict[str, Tensor]:
        """Return the weights."""
        return {name: parameter.detach() for name, parameter in self._parameters.items()}

    def identity(self) -> dict[str, Any]:
        """Return hashes of the weights to start from and of the mask."""
        return {"weights": self._start, "mask": _digest(self._mask)}
