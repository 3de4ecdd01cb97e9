"""The numbers of the random network: a pure function of seed, init and parameter names."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn

from scratchticket import rng
from scratchticket.errors import unknown

Draw = Callable[[int, str, tuple[int, ...]], Tensor]


def fan_in(shape: tuple[int, ...]) -> int:
    """Return the inputs of one output unit: the product of all dimensions but the first."""
    return int(np.prod(shape[1:]))


def signed_kaiming_constant(seed: int, name: str, shape: tuple[int, ...]) -> Tensor:
    """Every weight is ``+sqrt(2 / fan_in)`` or ``-sqrt(2 / fan_in)``.

    The signed constant of Ramanujan et al. (2020, arXiv:1911.13299), the paper's default (Sec.
    4.4). The constant is computed in double precision and rounded once.

    Returns:
        float32 of the given shape.
    """
    count = int(np.prod(shape))
    words = rng.weight_words(seed, name, -(-count // 64))
    constant = np.float32(sqrt(2 / fan_in(shape)))
    return torch.from_numpy(rng.signs(words, count) * constant).view(shape)


INITS: dict[str, Draw] = {"signed_kaiming_constant": signed_kaiming_constant}


def maskable(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters a mask may cover: weights of convolutions and linear layers.

    Names are those of ``network.named_parameters()``; a tied weight appears once.
    """
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
    owners = {id(module.weight) for module in network.modules() if isinstance(module, kinds)}
    return {name: value for name, value in network.named_parameters() if id(value) in owners}


def initialise(network: nn.Module, seed: int, init: str) -> None:
    """Overwrite the weights of a network, in place, with those of the random network of a seed.

    Args:
        network: Any module; its maskable parameters are set.
        seed: The random network's seed.
        init: A name of :data:`INITS`.

    Raises:
        InputError: If the init is not known or the seed is none.
    """
    if init not in INITS:
        raise unknown("init", init, INITS)
    rng.check_seed(seed)
    with torch.no_grad():
        for name, parameter in maskable(network).items():
            parameter.copy_(INITS[init](seed, name, tuple(parameter.shape)))
