"""Networks of the timm library (Wightman, 2019), under ``timm:NAME``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from torch import nn

from scratchticket.base.errors import InputError
from scratchticket.networks.resnet import ImageShape

_REFUSED = {"checkpoint_path", "cache_dir", "scriptable", "exportable", "no_jit", "features_only"}


def timm_factory(name: str) -> Callable[..., nn.Module]:
    """Return a factory of a timm network without trained weights.

    Args:
        name: Name of the model in timm.

    Raises:
        InputError: If timm cannot be imported or does not know the name.
    """
    try:
        timm = import_module("timm")
    except Exception as error:  # a broken package may raise anything
        raise InputError(
            f"network 'timm:{name}' needs timm, which cannot be imported here ({error}): "
            "pip install timm torchvision"
        ) from None
    if not timm.is_model(name):
        near = timm.list_models(f"*{name}*")[:3]
        raise InputError(f"timm has no model {name!r}" + (f"; try {', '.join(near)}" * bool(near)))

    def factory(*, classes: int, image_shape: ImageShape, **arguments: object) -> nn.Module:
        for argument in arguments:
            if argument.startswith("pretrained") or argument in _REFUSED:
                raise InputError(f"network timm:{name}: {argument} cannot be set here")
        module: nn.Module = timm.create_model(
            name, pretrained=False, num_classes=classes, in_chans=image_shape[0], **arguments
        )
        return module

    return factory
