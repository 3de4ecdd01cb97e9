"""Checks of a user's network before a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from scratchticket.base import rng
from scratchticket.base.errors import InputError, first_line
from scratchticket.base.memory import ran_out
from scratchticket.networks.parameters import MASKED_KINDS, bare, maskable, normalised, statistics
from scratchticket.networks.recipe import NetworkRecipe
from scratchticket.networks.registry import bare_network
from scratchticket.networks.resnet import ImageShape

Value = TypeVar("Value")
BUILDS = 4  # number of rebuilds compared with the network
ALIKE = 1e-4  # tolerance for rounding, relative to the largest logit


def check_logits(
    network: nn.Module, image_shape: ImageShape, classes: int, *, exactly: bool = False
) -> None:
    """Refuse a network that does not return logits for batches of one and of two images.

    Args:
        network: Module from pixels in [0, 1] to logits.
        image_shape: Channel, height, width.
        classes: Smallest number of logits.
        exactly: Whether there must be exactly ``classes`` logits.

    Raises:
        InputError: If the network cannot take such images, or returns something else.
    """
    device = next((p.device for p in network.parameters()), None)
    was_training = network.training
    try:
        network.eval()
        for count in (2, 1):
            images = torch.zeros(count, *image_shape, device=device)
            with torch.no_grad():
                got = logits_of(network, images).shape[1]
            if got < classes or (exactly and got > classes):
                raise InputError(f"the network has {got} classes, but the data have {classes}")
    finally:
        network.train(was_training)


def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """Return a network's logits, after checking that they are ``(batch, class)`` floats.

    Raises:
        InputError: If the network cannot take the images, or returns something else.
    """
    output = _guarded(lambda: network(images), f"take images of shape {tuple(images.shape[1:])}")
    got = type(output).__name__
    if isinstance(output, Tensor):
        if output.ndim == 2 and len(output) == len(images) and output.is_floating_point():
            return output
        got = f"{tuple(output.shape)}" if output.is_floating_point() else f"{output.dtype}"
    mode = " in training mode" if network.training else ""
    number = f"{len(images)} image{'s' * (len(images) > 1)}"
    raise InputError(
        f"the network must return logits of shape ({len(images)}, classes) for {number}, got "
        f"{got}{mode}"
    )


def _guarded(call: Callable[[], Value], what: str) -> Value:
    """Return the result of a user's code; any exception becomes an InputError."""
    try:
        return call()
    except Exception as error:
        if ran_out(error) or torch.are_deterministic_algorithms_enabled():
            raise  # reported by the caller
        raise InputError(f"the network cannot {what}: {first_line(error)}") from None


def check_rebuildable(
    recipe: NetworkRecipe, network: nn.Module, image_shape: ImageShape, classes: int
) -> None:
    """Refuse a network that cannot be rebuilt from its recipe, or in which masks cannot be learned.

    Args:
        recipe: The network's recipe.
        network: The random network with its normalisation layer; it is not changed.
        image_shape: Channel, height, width.
        classes: Number of logits.

    Raises:
        InputError: If a rebuilt network computes a different function, does not return logits in
            training mode, gives no gradients, or has a layer that is not linear in its weight.
    """
    random = torch.Generator().manual_seed(0)
    images = torch.rand(2, *image_shape, generator=random)
    for _ in range(BUILDS):
        other = normalised(
            bare_network(recipe, classes, image_shape), network.get_submodule("normalise")
        )
        if (what := _difference(network, other, images)) is not None:
            raise InputError(
                f"network {recipe.name} differs each time it is built ({what}), so no "
                "ticket could rebuild it: make its random choices depend on a fixed seed"
            )
    _check_linear(other.eval(), images, recipe.name)
    for training in (False, True):
        _check_gradients(other.train(training), images)


def _difference(network: nn.Module, other: nn.Module, images: Tensor) -> str | None:
    """Return how two builds of a network differ, in words; None if they are the same.

    Parameters and statistics, which a ticket stores, are first copied into the other build.
    """
    first, second = bare(network), bare(other)
    shapes = [{n: t.shape for n, t in m.named_parameters()} for m in (first, second)]
    if list(shapes[0].items()) != list(shapes[1].items()):
        return "its parameters differ"
    stored = statistics(network)
    fixed = [{n: b for n, b in m.named_buffers() if n not in stored} for m in (first, second)]
    if fixed[0].keys() != fixed[1].keys() or statistics(other).keys() != stored.keys():
        return "its buffers differ"
    if wrong := [name for name, b in fixed[0].items() if not torch.equal(b, fixed[1][name])]:
        return f"its buffer {wrong[0]} differs"
    with torch.no_grad():
        for mine, theirs in (
            (dict(second.named_parameters()), dict(first.named_parameters())),
            (statistics(other), stored),
        ):
            for name, tensor in mine.items():
                tensor.copy_(theirs[name])
        logits, was_training = [], network.training
        for module in (network, other):
            with rng.fixed_globals():
                logits.append(logits_of(module.eval(), images))
        network.train(was_training)
    ours, others = logits
    bound = ALIKE * max(1.0, float(ours.abs().max()))
    same = ours.shape == others.shape and bool(((ours - others).abs() <= bound).all())
    return None if same or not ours.isfinite().all() else "its logits differ"


def _check_linear(network: nn.Module, images: Tensor, name: str) -> None:
    """Refuse subclasses of masked layers whose output is not affine in their weight.

    Each such layer is run on its own input with its weight multiplied by 0, 1 and 2.
    """
    layers = {n: m for n, m in network.named_modules() if isinstance(m, MASKED_KINDS)}
    subclassed = {n: m for n, m in layers.items() if type(m) not in MASKED_KINDS}
    inputs: dict[str, Tensor] = {}

    def record_input(name: str, _: nn.Module, args: tuple[Tensor, ...]) -> None:
        inputs[name] = args[0]

    hooks = [m.register_forward_pre_hook(partial(record_input, n)) for n, m in subclassed.items()]
    with torch.no_grad(), rng.fixed_globals():
        network(images)
    for hook in hooks:
        hook.remove()
    for layer_name, layer_input in inputs.items():
        layer = subclassed[layer_name]

        def output(factor: float, layer: nn.Module = layer, given: Tensor = layer_input) -> Tensor:
            weight = factor * layer.get_parameter("weight")
            with torch.no_grad(), rng.fixed_globals():
                result: Tensor = functional_call(layer, {"weight": weight}, (given,))
            return result

        zero, once, twice = (output(factor) for factor in (0.0, 1.0, 2.0))
        if not torch.allclose(twice - zero, 2 * (once - zero), rtol=ALIKE, atol=ALIKE):
            raise InputError(
                f"network {name}: the output of {layer_name} ({type(layer).__name__}) is not "
                "linear in its weight (as with weight standardisation), so it cannot be masked; "
                "use a plain layer"
            )


def _check_gradients(network: nn.Module, images: Tensor) -> None:
    """Refuse a network in which images or weights get no gradient."""
    mode = "training" if network.training else "eval"
    images = images.clone().requires_grad_()
    weights = list(maskable(network).values())
    labels = torch.zeros(len(images), dtype=torch.int64)
    with rng.fixed_globals():
        loss = F.cross_entropy(logits_of(network, images).float(), labels)
    for what, wanted in (("images", [images]), ("weights", weights)):
        gradients: tuple[Tensor | None, ...] = (None,)
        if loss.requires_grad:
            gradients = _guarded(
                lambda wanted=wanted: torch.autograd.grad(  # type: ignore[misc]
                    loss, wanted, allow_unused=True, retain_graph=True
                ),
                "be differentiated",
            )
        if all(gradient is None for gradient in gradients):
            raise InputError(
                f"the network's logits have no gradient with respect to its {what} in {mode} mode: "
                "does it use no_grad, detach or argmax?"
            )
