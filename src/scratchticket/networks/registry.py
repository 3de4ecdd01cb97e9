"""Random networks, built."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import nn

from scratchticket.errors import InputError, first_line
from scratchticket.memory import ran_out
from scratchticket.networks.inits import initialise
from scratchticket.networks.logits import with_logit_norm
from scratchticket.networks.normalise import Normalise
from scratchticket.networks.parameters import normalised
from scratchticket.networks.recipe import NETWORKS, NetworkRecipe, Scalar
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
        width: Channels of the first stage; if not given the network's own.
        seed: Seed of the random weights.
        init: How they are drawn, a name of ``INITS``.
        mean: Per-channel mean that the first layer subtracts; 0 if not given.
        std: Per-channel standard deviation it divides by; 1 if not given.
        arguments: Further arguments of the network: ``depth=34``.

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
        NetworkRecipe(name, width, init, arguments=arguments),
        classes=classes,
        image_shape=(channels, image_size, image_size),
        seed=seed,
        mean=mean or [0.0] * channels,
        std=std or [1.0] * channels,
    )


def random_network(
    recipe: NetworkRecipe,
    *,
    classes: int,
    image_shape: ImageShape,
    seed: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> nn.Module:
    """Build the random network a recipe names; see :func:`build` for the arguments."""
    channels = image_shape[0]
    if not len(mean) == len(std) == channels or not all(value > 0 for value in std):
        raise InputError(f"mean and std must be {channels} numbers each, every std above 0")
    if recipe.fan_scale == "ratio":
        raise InputError("network.fan_scale must be a number here, not 'ratio'")
    with torch.random.fork_rng(devices=[]):
        # A module may keep a number that it draws, see initialise; CUDA's generators stay alone.
        torch.default_generator.manual_seed(0)
        module = _assemble(recipe, classes, image_shape)
    network = normalised(module, Normalise(mean, std))
    initialise(network, seed, recipe.init, float(Fraction(recipe.fan_scale)))
    return network


def outline(recipe: NetworkRecipe, *, classes: int, image_shape: ImageShape) -> nn.Module:
    """Return the bare network without any numbers, on PyTorch's meta device.

    It has every name and shape and takes no memory, whatever its size: what a file claims to
    hold is compared with it before anything is allocated.
    """
    with torch.device("meta"):
        return _assemble(recipe, classes, image_shape)


def _assemble(recipe: NetworkRecipe, classes: int, image_shape: ImageShape) -> nn.Module:
    if classes < 1 or min(image_shape) < 1:
        raise InputError(
            f"classes and image sizes must be at least 1, got {classes} and {image_shape}"
        )
    try:
        module = NETWORKS[recipe.name](classes=classes, image_shape=image_shape, **recipe.keywords)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"network {recipe.name} cannot be built: {first_line(error)}") from error
    if not isinstance(module, nn.Module):
        raise InputError(f"network {recipe.name!r} made {type(module).__name__}, not a module")
    if recipe.logit_gain is not None:
        return with_logit_norm(module, classes, float(Fraction(recipe.logit_gain)))
    return module


def check_answers(network: nn.Module, image_shape: ImageShape, classes: int) -> None:
    """Refuse a network that does not answer images with logits, by asking it once.

    Args:
        network: Pixels in [0, 1] to logits.
        image_shape: Channel, height, width.
        classes: How many logits there must be at least.

    Raises:
        InputError: If it cannot take such images, or returns something else.
    """
    device = next((p.device for p in network.parameters()), None)
    was = network.training
    try:
        with torch.no_grad():
            logits = network.eval()(torch.zeros(2, *image_shape, device=device))
    except Exception as error:  # a module of somebody else may raise anything
        if ran_out(error) or torch.are_deterministic_algorithms_enabled():
            raise  # that is told elsewhere
        raise InputError(
            f"the network cannot take images of shape {tuple(image_shape)}: {first_line(error)}"
        ) from None
    finally:
        network.train(was)
    got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if not isinstance(got, tuple) or len(got) != 2 or got[0] != 2:
        raise InputError(
            f"the network must return logits of shape (2, classes) for 2 images, got {got}"
        )
    if got[1] < classes:
        raise InputError(f"the network has {got[1]} classes, but there are {classes}")
