"""The registry of networks, and the recipe of a network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from torch import nn

from scratchticket.base.errors import InputError, first_line, unknown
from scratchticket.base.plugins import plugin, plugin_names
from scratchticket.base.quantities import fraction, fraction_text
from scratchticket.base.typed import check_types
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
BUILT_IN = frozenset(NETWORKS)  # the same at every build, so need no check
MAX_WIDTH = 4096
MAX_GAIN = 1000
LEAST_SCALE = Fraction(1, 10**6)
_GIVEN = ("classes", "image_shape")  # passed to every factory


def register(name: str, factory: Factory) -> None:
    """Register a network under a name of your own.

    Args:
        name: Any text. Tickets store it, so do not change it later.
        factory: Called with the keywords ``classes`` (int), ``image_shape`` (channel, height,
            width) and its own arguments; returns a module from normalised images, ``(batch,
            channel, height, width)``, to logits, ``(batch, class)``. Its initial parameters are
            overwritten, see :func:`scratchticket.networks.initialise`.

    Raises:
        InputError: If another network has this name.
    """
    known = NETWORKS.get(name, factory)
    if known != factory and _origin(known) != _origin(factory):
        raise InputError(f"there is another network named {name!r}; choose another name")
    NETWORKS[name] = factory


def _origin(factory: Factory) -> tuple[str, str] | None:
    """Return a function's module and name, which stay the same if it is redefined."""
    module, name = (getattr(factory, key, None) for key in ("__module__", "__qualname__"))
    return None if module is None or name is None else (module, name)


def name_of(factory: Factory) -> str:
    """Return the import name of a user's function: ``package.module:factory``.

    For a function in the running script, the module is the script's file, so that it can be
    imported later.

    Raises:
        InputError: If it has no name that can be imported.
    """
    origin = _origin(factory)
    if origin is None or "<" in origin[1]:
        raise InputError(
            "the function that makes a network must have a name, or be registered under one"
        )
    module, name = origin
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if module == "__main__" and file is not None:
        module = Path(file).stem
    return f"{module}:{name}"


def import_factory(name: str) -> None:
    """Import the factory ``package.module:factory`` and register it as a network.

    This runs the module's code: only call it with names from a source you trust.

    Raises:
        InputError: If the module or the function does not exist.
    """
    module, colon, attribute = name.partition(":")
    if not colon:
        raise InputError(f"a network's code is named package.module:factory, got {name!r}")
    if module == "timm":
        from scratchticket.networks.timm import timm_factory

        NETWORKS[name] = timm_factory(attribute)
        return
    if not all(module.split(".")):
        raise InputError(f"module {module!r} has no network {attribute!r}")
    try:
        code = import_module(module)
    except Exception as error:  # user code may raise anything
        why = first_line(error)
        raise InputError(f"cannot import {module!r} for network {name!r}: {why}") from None
    if (factory := getattr(code, attribute, None)) is None:
        raise InputError(f"module {module!r} has no network {attribute!r}")
    if not callable(factory):
        raise InputError(f"{name!r} is not a function that makes a network")
    register(name, factory)


@dataclass(frozen=True)
class NetworkRecipe:
    """Architecture and init; with classes, image shape and seed they fix every bit of the network.

    Attributes:
        name: Architecture: a known name, your own package.module:factory, or timm:NAME.
            ``resnet18`` is the released code's network, whose blocks end in the activation;
            ``preact_resnet18`` is the network named in the paper's text (PreActResNet18);
            ``wideresnet32`` is WRN-34-10.
        width: Channels of the network's first stage. If not given, the network's default: 64, or
            16 for a wide residual network, which multiplies it by ``widen``.
        init: Distribution of the random weights.
        fan_scale: Factor on fan-in and fan-out in the variance of the weights. If it is the
            remaining ratio (``ratio`` in a recipe), the ticket's activations have the same variance
            as the dense network's. It is the released code's ``scale_fan``, corrected.
        arguments: Further arguments of the network, such as ``depth`` and ``widen`` of
            ``wide_resnet``; those not given have their defaults.
        logit_gain: If given, logits pass through a batch norm without parameters and are multiplied
            by this number, as in Robust Binary Subnetworks (2022, arXiv:2202.01341). Without it, a
            ticket with few weights, all of one magnitude, has logits too small for the
            cross-entropy.

    Raises:
        InputError: If a name is unknown or a number is out of range.
    """

    name: str = "resnet18"
    width: int | None = None
    init: str = "signed_kaiming_constant"
    fan_scale: str | float = "1"
    arguments: Mapping[str, Scalar] = field(default_factory=dict)
    logit_gain: str | float | None = None

    def __post_init__(self) -> None:
        check_types(self, "network.")
        if self.logit_gain is not None:
            gain = fraction(self.logit_gain, "network.logit_gain")
            if not 0 < gain <= MAX_GAIN:
                raise InputError(
                    f"network.logit_gain must lie in (0, {MAX_GAIN}], got {self.logit_gain}"
                )
            object.__setattr__(self, "logit_gain", fraction_text(gain))
        if self.name not in NETWORKS:
            if (factory := plugin("networks", self.name)) is None:
                raise _unknown_network(self.name)
            register(self.name, factory)
        if self.init not in INITS:
            raise unknown("init", self.init, INITS)
        if self.fan_scale != "ratio":
            scale = fraction(self.fan_scale, "network.fan_scale")
            if not LEAST_SCALE <= scale <= 1:
                raise InputError(
                    f"network.fan_scale must lie in [0.000001, 1], got {self.fan_scale}"
                )
            object.__setattr__(self, "fan_scale", fraction_text(scale))
        known = _arguments(NETWORKS[self.name])
        self._resolve_width(known)
        if known is not None:
            for name, value in self.arguments.items():
                self._check_argument(name, value, known)
            resolved = known | dict(self.arguments)
            missing = [name for name, value in resolved.items() if value is None]
            if missing:
                raise InputError(f"network {self.name} needs network.arguments.{missing[0]}")
            object.__setattr__(self, "arguments", resolved)

    def _resolve_width(self, known: dict[str, Scalar | None] | None) -> None:
        """Fill in the default width, if the network has one."""
        has_width = known is None or "width" in known
        own = None if known is None else known.pop("width", None)
        if self.width is None and isinstance(own, int):
            object.__setattr__(self, "width", own)
        if self.width is not None and not has_width:
            raise InputError(f"network {self.name} has no width")
        if self.width is not None and not 1 <= self.width <= MAX_WIDTH:
            raise InputError(f"network.width must be from 1 to {MAX_WIDTH}, got {self.width}")

    def _check_argument(self, name: str, value: Scalar, known: dict[str, Scalar | None]) -> None:
        """Refuse an argument that is unknown to the network or of the wrong type."""
        if name not in known:
            raise unknown(f"argument of network {self.name}", name, known)
        if known[name] is None:  # without a default its type is unknown
            return
        kind = type(known[name])
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise InputError(
                f"network.arguments.{name} must be of type {kind.__name__}, got {value!r}"
            )

    @property
    def keywords(self) -> dict[str, Any]:
        """Keyword arguments of the network's factory besides classes and image shape."""
        width = {} if self.width is None else {"width": self.width}
        return width | dict(self.arguments)


def _arguments(factory: Factory) -> dict[str, Scalar | None] | None:
    """Return the defaults of a factory's arguments, by name; None for those without a default.

    Returns None instead of a dictionary if the factory accepts any argument: it takes
    ``**arguments``, or has no signature.
    """
    try:
        parameters = signature(factory).parameters.values()
    except ValueError:
        return None
    if any(p.kind is Parameter.VAR_KEYWORD for p in parameters):
        return None
    known: dict[str, Scalar | None] = {}
    for p in parameters:
        if p.name in _GIVEN:
            continue
        if p.default is Parameter.empty:
            known[p.name] = None
        elif isinstance(p.default, Scalar):
            known[p.name] = p.default
    return known


def _unknown_network(name: str) -> InputError:
    if ":" in name:
        return InputError(
            f"network {name!r} is user code that has not been imported: name it with "
            f"--network {name}, or from Python call networks.import_factory({name!r})"
        )
    return unknown("network", name, [*NETWORKS, *plugin_names("networks")])
