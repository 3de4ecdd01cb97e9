"""The numbers of the random network: a pure function of seed, init and parameter names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np
import torch
from torch import Tensor, nn

from scratchticket.base import rng
from scratchticket.base.errors import unknown
from scratchticket.networks.parameters import maskable, unmasked

Shape = tuple[int, ...]
OTHERS_STD = 0.02  # of embeddings and tokens: the customary value for vision transformers


def fan_in(shape: Shape) -> int:
    """Return the inputs of one output unit: the product of all dimensions but the first."""
    return prod(shape[1:])


def fan_out(shape: Shape) -> int:
    """Return the outputs of one input unit: the product of all dimensions but the second."""
    return shape[0] * prod(shape[2:])


def _kaiming(shape: Shape) -> float:
    """Return the variance that keeps that of activations behind a ReLU (He et al., 2015)."""
    return 2 / fan_in(shape)


def _xavier(shape: Shape) -> float:
    """Return the variance of Glorot and Bengio (2010), gain 1."""
    return 2 / (fan_in(shape) + fan_out(shape))


def _signed(seed: int, name: str, count: int) -> rng.Array:
    return rng.signs(rng.weight_words(seed, name, -(-count // 64)), count)


def _normal(seed: int, name: str, count: int) -> rng.Array:
    return rng.normals(rng.weight_words(seed, name, count))


def _uniform(seed: int, name: str, count: int) -> rng.Array:
    """Uniform of variance 1: in [-sqrt(3), sqrt(3))."""
    return (2 * rng.uniforms(rng.weight_words(seed, name, count)) - 1) * sqrt(3)


@dataclass(frozen=True)
class Init:
    """How random weights are drawn: numbers of variance 1 times a standard deviation.

    Attributes:
        numbers: (seed, parameter name, count) to numbers of mean 0 and variance 1.
        variance: Shape of a weight to the variance its numbers get.
        constant: Whether all numbers have the same magnitude, so that a masked layer is ternary.
    """

    numbers: Callable[[int, str, int], rng.Array]
    variance: Callable[[Shape], float]
    constant: bool = False

    def draw(self, seed: int, name: str, shape: Shape, fan_scale: float = 1.0) -> Tensor:
        """Return the weights of one parameter, float32.

        Args:
            seed: Of the random network.
            name: Of the parameter in the bare module.
            shape: Output first.
            fan_scale: Both fans are multiplied by it.

        The standard deviation is computed in double precision. A constant one is rounded to single
        before it gets its signs; other numbers are multiplied in double and rounded once.
        """
        std = sqrt(self.variance(shape) / fan_scale)
        numbers = self.numbers(seed, name, prod(shape))
        values = numbers * (np.float32(std) if self.constant else std)
        return torch.from_numpy(values.astype(np.float32, copy=False)).view(shape)


INITS: dict[str, Init] = {
    "signed_kaiming_constant": Init(_signed, _kaiming, constant=True),
    "kaiming_normal": Init(_normal, _kaiming),
    "kaiming_uniform": Init(_uniform, _kaiming),
    "xavier_normal": Init(_normal, _xavier),
    "signed_xavier_constant": Init(_signed, _xavier, constant=True),
}


def initialise(network: nn.Module, seed: int, init: str, fan_scale: float = 1.0) -> None:
    """Overwrite the parameters of a module, in place, with those of the random network of a seed.

    Weights that a mask covers are drawn by the init. Of the others, biases become 0; a parameter
    that the module fills with one value, such as an affine norm's, keeps it; any other, such as an
    embedding, is drawn from a normal distribution of standard deviation 0.02.

    Args:
        network: Any module.
        seed: The random network's seed.
        init: A name of :data:`INITS`.
        fan_scale: Both fans are multiplied by it.

    Raises:
        InputError: If the init is not known or the seed is none.
    """
    if init not in INITS:
        raise unknown("init", init, INITS)
    rng.check_seed(seed)
    with torch.no_grad():
        for name, parameter in maskable(network).items():
            shape = tuple(parameter.shape)
            parameter.copy_(INITS[init].draw(seed, name, shape, fan_scale))
        for name, parameter in unmasked(network).items():
            if name.endswith("bias"):
                parameter.zero_()
            elif (parameter != parameter.flatten()[:1]).any():
                values = _normal(seed, name, parameter.numel()) * OTHERS_STD
                parameter.copy_(torch.from_numpy(values).view(parameter.shape))
