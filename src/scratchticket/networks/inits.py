"""Random weights: a pure function of seed, init and parameter names."""

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
OTHERS_STD = 0.02  # std of embeddings and tokens, usual for vision transformers


def fan_in(shape: Shape) -> int:
    """Return the number of inputs of an output unit: the product of all sizes but the first."""
    return prod(shape[1:])


def fan_out(shape: Shape) -> int:
    """Return the number of outputs of an input unit: the product of all sizes but the second."""
    return shape[0] * prod(shape[2:])


def _kaiming(shape: Shape) -> float:
    """Return the variance that preserves the scale of ReLU activations (He et al., 2015)."""
    return 2 / fan_in(shape)


def _xavier(shape: Shape) -> float:
    """Return the variance of Glorot and Bengio (2010) at gain 1."""
    return 2 / (fan_in(shape) + fan_out(shape))


def _signed(seed: int, name: str, count: int) -> rng.Array:
    return rng.signs(rng.weight_words(seed, name, -(-count // 64)), count)


def _normal(seed: int, name: str, count: int) -> rng.Array:
    return rng.normals(rng.weight_words(seed, name, count))


def _uniform(seed: int, name: str, count: int) -> rng.Array:
    """Return uniform numbers of variance 1, in [-sqrt(3), sqrt(3))."""
    return (2 * rng.uniforms(rng.weight_words(seed, name, count)) - 1) * sqrt(3)


@dataclass(frozen=True)
class Init:
    """A distribution of random weights: numbers of variance 1 times a standard deviation.

    Attributes:
        numbers: Function of seed, parameter name and count; gives numbers of mean 0 and variance 1.
        variance: Function from a weight's shape to the variance.
        constant: Whether all numbers have the same magnitude, so that a masked layer is ternary.
    """

    numbers: Callable[[int, str, int], rng.Array]
    variance: Callable[[Shape], float]
    constant: bool = False

    def draw(self, seed: int, name: str, shape: Shape, fan_scale: float = 1.0) -> Tensor:
        """Return the weights of one parameter, float32.

        The standard deviation is computed in double precision. A constant init rounds it to single
        precision before multiplying by signs; the others round only the product.

        Args:
            seed: Seed of the random network.
            name: Name of the parameter in the bare module.
            shape: Shape of the parameter, output dimension first.
            fan_scale: Factor on fan-in and fan-out.
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
    """Overwrite a module's parameters, in place, with random ones.

    Maskable weights are drawn from the init's distribution. Biases become 0. A constant parameter,
    such as the scale of an affine norm, keeps its value; any other, such as an embedding, is drawn
    from a normal distribution of standard deviation 0.02.

    Args:
        network: Any module.
        seed: Seed of the random network.
        init: A name of :data:`INITS`.
        fan_scale: Factor on fan-in and fan-out.

    Raises:
        InputError: If the init is unknown or the seed is invalid.
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
