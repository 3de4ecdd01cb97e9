"""Which parameters of a module a mask may cover, and what the rest are.

Names are those of the bare module, without its normalisation layer: they key the random streams.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

_KINDS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
_FIRST, _REST = "normalise", "network"


def normalised(module: nn.Module, normalise: nn.Module) -> nn.Sequential:
    """Put normalisation in front of a module (decision 3).

    A plain ``nn.Sequential`` gets it as its first layer, ``normalise``, and keeps the names of the
    others; any other module, or one with a child of such a name, is put behind it, as ``network``.
    """
    layers = {_FIRST: normalise, _REST: module}
    if type(module) is nn.Sequential and not layers.keys() & module._modules.keys():
        own = {name: child for name, child in module._modules.items() if child is not None}
        layers = {_FIRST: normalise, **own}  # a child that occurs twice stays in both places
    return nn.Sequential(OrderedDict(layers))


def bare(network: nn.Module) -> nn.Module:
    """Return the module whose parameters' names are keys: undo the wrapping of :func:`normalised`.

    A module that is not wrapped is returned as it is; the names of a sequential one do not change.
    """
    if type(network) is nn.Sequential and list(network._modules) == [_FIRST, _REST]:
        return network.get_submodule(_REST)
    return network


def placed(network: nn.Module, device: torch.device | str) -> nn.Module:
    """Move a network to a device, its 4-D weights in the memory order convolutions like best."""
    network = network.to(device)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def maskable(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters a mask covers: weights of convolutions, linear layers and attention.

    Those are the ``weight`` of ``nn.Conv1d``, ``Conv2d``, ``Conv3d`` and ``nn.Linear``, and the
    projections of ``nn.MultiheadAttention``. A tied weight appears once, under its first name.
    """
    module = bare(network)
    owned: set[int] = set()
    for layer in module.modules():
        if isinstance(layer, _KINDS):
            owned.add(id(layer.weight))
        elif isinstance(layer, nn.MultiheadAttention):
            owned |= {id(getattr(layer, name)) for name in _PROJECTIONS}
    return {name: value for name, value in module.named_parameters() if id(value) in owned}


def unmasked(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters no mask covers: biases, affine norms, embeddings, tokens."""
    masked = maskable(network).keys()
    parameters = bare(network).named_parameters()
    return {name: value for name, value in parameters if name not in masked}


def statistics(network: nn.Module) -> dict[str, Tensor]:
    """Return the buffers that a ticket keeps: persistent and floating-point."""
    module = bare(network)
    kept = module.state_dict().keys()
    return {n: b for n, b in module.named_buffers() if n in kept and b.is_floating_point()}


def classifier(network: nn.Module, classes: int) -> str | None:
    """Return the name of the layer that makes the logits, or none if that cannot be told.

    It is the last maskable parameter, if it has as many outputs as there are classes.
    """
    names = maskable(network)
    name = next(reversed(names), None)
    return name if name is not None and names[name].shape[0] == classes else None
