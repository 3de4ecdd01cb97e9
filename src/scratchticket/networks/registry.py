"""Build random networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from scratchticket.base import rng
from scratchticket.base.errors import InputError, first_line
from scratchticket.base.modes import usual_modes
from scratchticket.networks.inits import initialise
from scratchticket.networks.logits import with_logit_norm
from scratchticket.networks.normalise import Normalise
from scratchticket.networks.parameters import normalised
from scratchticket.networks.recipe import NETWORKS, Factory, NetworkRecipe, Scalar
from scratchticket.networks.resnet import ImageShape


def build(  # noqa: PLR0913
    name: str = "resnet18",
    *,
    classes: int,
    channels: int = 3,
    image_size: int = 32,
    width: int | None = None,
    seed: int = 0,
    init: str = "signed_kaiming_constant",
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    **arguments: Scalar,
) -> nn.Module:
    """Build a random network: a plain dense module from pixels in [0, 1] to logits.

    The global random state of PyTorch is neither used nor changed.

    Args:
        name: A name of :data:`NETWORKS`.
        classes: Number of logits.
        channels: Channels of an image.
        image_size: Height and width of an image; the residual networks take any.
        width: Channels of the first stage; if not given, the network's default.
        seed: Seed of the random weights.
        init: Distribution of the random weights, a name of ``INITS``.
        mean: Per-channel mean that the first layer subtracts; 0 if not given.
        std: Per-channel standard deviation it divides by; 1 if not given.
        arguments: Further arguments of the network, such as ``depth=34``.

    Returns:
        The module, in training mode.

    Raises:
        InputError: If a name is unknown or a number is out of range.

    Example:
        >>> network = build("resnet18", classes=10)
        >>> sum(weight.numel() for weight in network.parameters())
        11164352
    """
    return random_network(
        NetworkRecipe(name, width, init, arguments=arguments),
        classes=classes,
        image_shape=(channels, image_size, image_size),
        seed=seed,
        mean=mean or [0.0] * channels,
        std=std or [1.0] * channels,
    )


@usual_modes()
def random_network(
    recipe: NetworkRecipe,
    *,
    classes: int,
    image_shape: ImageShape,
    seed: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> nn.Module:
    """Build the random network of a recipe; see :func:`build` for the arguments."""
    channels = image_shape[0]
    if not len(mean) == len(std) == channels or not all(value > 0 for value in std):
        raise InputError(f"mean and std must be {channels} numbers each, every std above 0")
    if recipe.fan_scale == "ratio":
        raise InputError("network.fan_scale must be a number here, not 'ratio'")
    network = normalised(bare_network(recipe, classes, image_shape), Normalise(mean, std))
    initialise(network, seed, recipe.init, float(Fraction(recipe.fan_scale)))
    return network


def outline(recipe: NetworkRecipe, *, classes: int, image_shape: ImageShape) -> nn.Module:
    """Return the bare network on PyTorch's meta device: names and shapes without memory.

    The header of a file is compared with it before anything is allocated.
    """
    with torch.device("meta"):
        return bare_network(recipe, classes, image_shape)


def bare_network(recipe: NetworkRecipe, classes: int, image_shape: ImageShape) -> nn.Module:
    """Return the bare network as its factory makes it.

    Raises:
        InputError: If it cannot be built.
    """
    if classes < 1 or min(image_shape) < 1:
        raise InputError(
            f"classes and image sizes must be at least 1, got {classes} and {image_shape}"
        )
    channels, height, width = map(int, image_shape)  # a factory may refuse NumPy's integers
    given = {"classes": int(classes), "image_shape": (channels, height, width), **recipe.keywords}
    module = make_module(recipe.name, NETWORKS[recipe.name], given)
    if recipe.logit_gain is not None:
        return with_logit_norm(module, int(classes), float(Fraction(recipe.logit_gain)))
    return module


def make_module(name: str, factory: Factory, given: Mapping[str, Any]) -> nn.Module:
    """Return the module that a factory makes.

    The global generators of Python, NumPy and PyTorch are seeded alike at every call, since a
    module may keep values drawn from them, see :func:`initialise`.

    Args:
        name: Name of the network, for error messages.
        factory: Called with the arguments.
        given: Keyword arguments.

    Raises:
        InputError: If the factory fails, returns no module, or one with lazy parameters.
    """
    try:
        with rng.fixed_globals():
            module = factory(**given)
    except MemoryError:
        raise
    except Exception as error:
        raise InputError(f"network {name} cannot be built: {first_line(error)}") from error
    if not isinstance(module, nn.Module):
        raise InputError(
            f"the factory of network {name!r} returned {type(module).__name__}, not a module"
        )
    for kind in (module.named_parameters(), module.named_buffers()):
        if lazy := [own for own, tensor in kind if is_lazy(tensor)]:
            raise InputError(f"network {name}: {lazy[0]} is lazy; give it a shape")
    return module
