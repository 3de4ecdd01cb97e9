"""Networks by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from scratchticket.errors import InputError, unknown
from scratchticket.networks.inits import INITS, initialise
from scratchticket.networks.normalise import Normalise
from scratchticket.networks.resnet import BasicBlock, PreActivationBlock, resnet

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "resnet18": partial(resnet, block=BasicBlock, blocks=(2, 2, 2, 2)),
    "preact_resnet18": partial(resnet, block=PreActivationBlock, blocks=(2, 2, 2, 2)),
}
MAX_WIDTH = 4096


@dataclass(frozen=True)
class NetworkRecipe:
    """Which random network; with classes, channels and a seed it is one network, bit for bit.

    Attributes:
        name: ``resnet18`` is the released code's network, whose blocks end in the activation;
            ``preact_resnet18`` is the one the paper's text names (PreActResNet18).
        width: Channels of the first stage; 64 in the paper.
        init: How the random weights are drawn.
    """

    name: str = "resnet18"
    width: int = 64
    init: str = "signed_kaiming_constant"

    def __post_init__(self) -> None:
        if self.name not in NETWORKS:
            raise unknown("network", self.name, NETWORKS)
        if self.init not in INITS:
            raise unknown("init", self.init, INITS)
        if not 1 <= self.width <= MAX_WIDTH:
            raise InputError(f"network.width must be from 1 to {MAX_WIDTH}, got {self.width}")


def build(  # noqa: PLR0913
    name: str = "resnet18",
    *,
    classes: int,
    channels: int = 3,
    width: int = 64,
    seed: int = 0,
    init: str = "signed_kaiming_constant",
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> nn.Module:
    """Build a random network: a plain dense module from pixels in [0, 1] to logits.

    The global random state of PyTorch is neither used nor changed.

    Args:
        name: A name of :data:`NETWORKS`.
        classes: Number of logits.
        channels: Channels of an image.
        width: Channels of the first stage.
        seed: Seed of the random weights.
        init: How they are drawn, a name of ``INITS``.
        mean: Per-channel mean that the first layer subtracts; 0 if not given.
        std: Per-channel standard deviation it divides by; 1 if not given.

    Returns:
        The module, in training mode as PyTorch's modules are made.

    Raises:
        InputError: If a name is unknown or a number out of range.

    Example:
        >>> network = build("resnet18", classes=10)
        >>> sum(weight.numel() for weight in network.parameters())
        11164352
    """
    return random_network(
        NetworkRecipe(name, width, init),
        classes=classes,
        channels=channels,
        seed=seed,
        mean=mean or [0.0] * channels,
        std=std or [1.0] * channels,
    )


def random_network(
    recipe: NetworkRecipe,
    *,
    classes: int,
    channels: int,
    seed: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> nn.Module:
    """Build the random network a recipe names; see :func:`build` for the arguments."""
    if not len(mean) == len(std) == channels or not all(value > 0 for value in std):
        raise InputError(f"mean and std must be {channels} numbers each, every std above 0")
    normalise = Normalise(mean, std)
    with torch.random.fork_rng(devices=[]):
        network = _assemble(recipe, normalise, classes=classes, channels=channels)
    initialise(network, seed, recipe.init)
    return network


def outline(recipe: NetworkRecipe, *, classes: int, channels: int) -> nn.Module:
    """Return the network without any numbers, on PyTorch's meta device.

    It has every name and shape and takes no memory, whatever its size: what a file claims to
    hold is compared with it before anything is allocated.
    """
    with torch.device("meta"):
        return _assemble(recipe, nn.Identity(), classes=classes, channels=channels)


def _assemble(
    recipe: NetworkRecipe, normalise: nn.Module, *, classes: int, channels: int
) -> nn.Module:
    if classes < 1 or channels < 1:
        raise InputError(f"classes and channels must be at least 1, got {classes} and {channels}")
    return NETWORKS[recipe.name](normalise, classes=classes, channels=channels, width=recipe.width)
