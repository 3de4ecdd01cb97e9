"""Networks by name, and the recipe that names one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from torch import nn

from scratchticket.errors import InputError, unknown
from scratchticket.networks.conv4 import conv4
from scratchticket.networks.inits import INITS
from scratchticket.networks.resnet import (
    BasicBlock,
    Bottleneck,
    PreActivationBlock,
    imagenet_resnet,
    resnet,
    wide_resnet,
)
from scratchticket.quantities import fraction, fraction_text

Factory = Callable[..., nn.Module]
Scalar = bool | int | float | str

NETWORKS: dict[str, Factory] = {
    "resnet18": partial(resnet, block=BasicBlock, blocks=(2, 2, 2, 2)),
    "preact_resnet18": partial(resnet, block=PreActivationBlock, blocks=(2, 2, 2, 2)),
    "wide_resnet": wide_resnet,
    "wideresnet32": partial(wide_resnet, depth=34, widen=10),
    "imagenet_resnet18": partial(imagenet_resnet, block=BasicBlock, blocks=(2, 2, 2, 2)),
    "imagenet_resnet50": partial(imagenet_resnet, block=Bottleneck, blocks=(3, 4, 6, 3)),
    "imagenet_resnet101": partial(imagenet_resnet, block=Bottleneck, blocks=(3, 4, 23, 3)),
    "conv4": conv4,
}
MAX_WIDTH = 4096
_GIVEN = ("classes", "image_shape")  # to every factory


def register(name: str, factory: Factory) -> None:
    """Make a network known under a name of your own.

    Args:
        name: Any text; a ticket of the network will say it, so keep it.
        factory: Called with the keywords ``classes`` (int), ``image_shape`` (channel, height,
            width) and its own arguments; returns a module from normalised images, ``(batch,
            channel, height, width)``, to logits, ``(batch, class)``. Its random numbers are
            replaced, see :func:`scratchticket.networks.initialise`.

    Raises:
        InputError: If another network has this name.
    """
    if NETWORKS.setdefault(name, factory) != factory:
        raise InputError(f"there is another network named {name!r}; choose another name")


def import_factory(name: str) -> None:
    """Import the code of the network ``package.module:factory`` and register it.

    This runs the module's code: only call it with a name from someone who may do so.

    Raises:
        InputError: If there is no such module or function.
    """
    module, _, attribute = name.partition(":")
    if module == "timm":
        from scratchticket.networks.timm import timm_factory

        register(name, timm_factory(attribute))
        return
    try:
        factory = getattr(import_module(module), attribute)
    except ImportError as error:
        raise InputError(f"cannot import {module!r} for network {name!r}: {error}") from None
    except (AttributeError, ValueError):
        raise InputError(f"module {module!r} has no {attribute!r}, wanted as a network") from None
    if not callable(factory):
        raise InputError(f"{name!r} cannot be called, so it makes no network")
    register(name, factory)


@dataclass(frozen=True)
class NetworkRecipe:
    """Which random network; with classes, image shape and a seed it is one network, bit for bit.

    Attributes:
        name: ``resnet18`` is the released code's network, whose blocks end in the activation;
            ``preact_resnet18`` is the one the paper's text names (PreActResNet18); ``wideresnet32``
            is WRN-34-10. Or a name given to :func:`register`.
        width: Channels of the first stage; if not given the network's own (64; 16 for a wide
            residual network, whose ``widen`` factor comes on top).
        init: How the random weights are drawn.
        fan_scale: Both fans are multiplied by this number before the variance is computed. With
            the remaining ratio the variance of activations stays in the ticket what it is in the
            dense network (the released code's ``scale_fan``, with the right factor); ``ratio``, in
            a recipe, stands for that.
        arguments: Further arguments of the network, such as ``depth`` and ``widen`` of
            ``wide_resnet``; those not given are filled in with their defaults.

    Raises:
        InputError: If a name is unknown or a number out of range.
    """

    name: str = "resnet18"
    width: int | None = None
    init: str = "signed_kaiming_constant"
    fan_scale: str | float = "1"
    arguments: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in NETWORKS:
            raise _unknown_network(self.name)
        if self.init not in INITS:
            raise unknown("init", self.init, INITS)
        if self.fan_scale != "ratio":
            scale = fraction(self.fan_scale, "network.fan_scale")
            if not 0 < scale <= 1:
                raise InputError(f"network.fan_scale must lie in (0, 1], got {self.fan_scale}")
            object.__setattr__(self, "fan_scale", fraction_text(scale))
        known = _arguments(NETWORKS[self.name])
        self._resolve_width(known)
        if known is not None:
            for name, value in self.arguments.items():
                self._check_argument(name, value, known)
            object.__setattr__(self, "arguments", known | dict(self.arguments))

    def _resolve_width(self, known: dict[str, Scalar] | None) -> None:
        """Fill in the width, which is one of the network's arguments if it has it."""
        own = known.pop("width", None) if known is not None else None
        if self.width is None and isinstance(own, int):
            object.__setattr__(self, "width", own)
        if self.width is not None and known is not None and own is None:
            raise InputError(f"network {self.name} has no width")
        if self.width is not None and not 1 <= self.width <= MAX_WIDTH:
            raise InputError(f"network.width must be from 1 to {MAX_WIDTH}, got {self.width}")

    def _check_argument(self, name: str, value: Scalar, known: dict[str, Scalar]) -> None:
        """Refuse an argument that the network does not have, or of another type."""
        if name not in known:
            raise unknown(f"argument of network {self.name}", name, known)
        kind = type(known[name])
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise InputError(
                f"network.arguments.{name} must be of type {kind.__name__}, got {value!r}"
            )

    @property
    def keywords(self) -> dict[str, Any]:
        """What the network's factory is called with, besides classes and image shape."""
        width = {} if self.width is None else {"width": self.width}
        return width | dict(self.arguments)


def _arguments(factory: Factory) -> dict[str, Scalar] | None:
    """Return the arguments of a factory that a recipe may set, with their defaults.

    None means that anything may be set: the factory says so, or does not say what it takes.
    """
    try:
        parameters = signature(factory).parameters.values()
    except ValueError:
        return None
    if any(p.kind is Parameter.VAR_KEYWORD for p in parameters):
        return None
    return {
        p.name: p.default
        for p in parameters
        if p.name not in _GIVEN and isinstance(p.default, Scalar)
    }


def _unknown_network(name: str) -> InputError:
    if ":" in name:
        return InputError(
            f"network {name!r} is code of yours that is not known here: name it with "
            f"--network {name}, or from Python call networks.import_factory({name!r})"
        )
    return unknown("network", name, NETWORKS)
