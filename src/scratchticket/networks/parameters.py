"""The parameters of a module that a mask may cover, and the others.

Their names are those of the bare module, without its normalisation layer; random streams depend on
these names.
"""

from __future__ import annotations

from collections import OrderedDict
from inspect import isfunction

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from scratchticket.base.errors import InputError

MASKED_KINDS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
_FIRST, _REST = "normalise", "network"


def normalised(module: nn.Module, normalise: nn.Module) -> nn.Sequential:
    """Return a module with normalisation in front (decision 3).

    In a plain ``nn.Sequential`` it becomes the first layer, ``normalise``; other names stay. Any
    other module, or one with state of its own or a child of a reserved name, becomes the child
    ``network`` of the result.
    """
    own = layers_of(module, _FIRST, _REST)
    return nn.Sequential(
        OrderedDict({_FIRST: normalise, **({_REST: module} if own is None else own)})
    )


def layers_of(module: nn.Module, *taken: str) -> dict[str, nn.Module] | None:
    """Return the children of a plain ``nn.Sequential`` by name, to build a longer one from them.

    None if the module is of another type, has parameters, buffers or hooks of its own, or a child
    with a name in ``taken``. A child that occurs twice stays in both places.
    """
    if type(module) is not nn.Sequential or _has_more(module) or {*taken} & module._modules.keys():
        return None
    return {name: child for name, child in module._modules.items() if child is not None}


def _has_more(module: nn.Module) -> bool:
    """Return whether a sequential module has parameters, buffers or hooks of its own."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
    own = (module._parameters, module._buffers, *hooks, module._backward_pre_hooks)
    return any(len(each) > 0 for each in own)


def bare(network: nn.Module) -> nn.Module:
    """Return the module without the wrapper of :func:`normalised`, if it has one.

    The names of its parameters are the keys of masks, statistics and random streams.
    """
    if type(network) is nn.Sequential and list(network._modules) == [_FIRST, _REST]:
        return network.get_submodule(_REST)
    return network


def placed(network: nn.Module, device: torch.device | str) -> nn.Module:
    """Return a network moved to a device, with 4-D weights channels last, the fastest format."""
    network = network.to(device)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def maskable(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that a mask covers, by name.

    These are the ``weight`` of ``nn.Conv1d``, ``Conv2d``, ``Conv3d`` and ``nn.Linear``, and the
    projections of ``nn.MultiheadAttention``. A tied weight appears once, under its first name.
    """
    module = bare(network)
    owned: set[int] = set()
    for layer in module.modules():
        if isinstance(layer, MASKED_KINDS):
            owned.add(id(layer.weight))
        elif isinstance(layer, nn.MultiheadAttention):
            owned |= {id(getattr(layer, name)) for name in _PROJECTIONS}
    return {name: value for name, value in module.named_parameters() if id(value) in owned}


def check_masked(network: nn.Module, name: str) -> None:
    """Refuse a network with a weight that a mask should but cannot cover, see :func:`maskable`.

    Args:
        network: The network.
        name: Name of the network, for the error message.

    Raises:
        InputError: If such a weight is computed from other parameters, as with weight norm,
            spectral norm or pruning; or a parameter is not float32.
    """
    for place, layer in bare(network).named_modules():
        wanted: tuple[str, ...] = ("weight",) if isinstance(layer, MASKED_KINDS) else ()
        if isinstance(layer, nn.MultiheadAttention):
            wanted = _PROJECTIONS
        for own in wanted:
            if layer._parameters.get(own) is None and getattr(layer, own, None) is not None:
                raise InputError(
                    f"network {name}: {place}.{own} is computed from other parameters "
                    f"({_computing(layer, own)}), so that no mask can cover it; use a plain layer"
                )
    for own, parameter in bare(network).named_parameters():
        if parameter.dtype != torch.float32:
            raise InputError(
                f"network {name}: parameter {own} is {parameter.dtype}, and a ticket stores "
                "float32; a tensor that is not learned can be a buffer"
            )


def _computing(layer: nn.Module, name: str) -> str:
    """Return the class names of the code that computes a parameter of a layer."""
    kinds: list[object] = [h for h in layer._forward_pre_hooks.values() if not isfunction(h)]
    if parametrize.is_parametrized(layer, name):
        kinds = list(layer.get_submodule(f"parametrizations.{name}").children())
    return ", ".join(type(kind).__name__.strip("_") for kind in kinds) or "by its own code"


def unmasked(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that no mask covers: biases, affine norms, embeddings, tokens."""
    masked = maskable(network).keys()
    parameters = bare(network).named_parameters()
    return {name: value for name, value in parameters if name not in masked}


def statistics(network: nn.Module) -> dict[str, Tensor]:
    """Return the buffers that a ticket stores: persistent and floating-point."""
    module = bare(network)
    kept = module.state_dict().keys()
    return {n: b for n, b in module.named_buffers() if n in kept and b.is_floating_point()}


def classifier(network: nn.Module, classes: int) -> str | None:
    """Return the name of the classifier's weight: the last maskable parameter.

    None if it does not have as many outputs as there are classes.
    """
    names = maskable(network)
    name = next(reversed(names), None)
    return name if name is not None and names[name].shape[0] == classes else None
