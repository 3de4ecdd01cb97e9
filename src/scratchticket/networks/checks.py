"""What a network of the user's must be, found out before hours are spent on it."""

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
from scratchticket.networks.registry import assembled
from scratchticket.networks.resnet import ImageShape

Value = TypeVar("Value")
BUILDS = 4  # of a network, each compared with the first
ALIKE = 1e-4  # of the largest logit: what rounding may make of one number


def check_answers(
    network: nn.Module, image_shape: ImageShape, classes: int, *, exactly: bool = False
) -> None:
    """Refuse a network that does not answer images with logits, by asking it about two and one.

    Args:
        network: Pixels in [0, 1] to logits.
        image_shape: Channel, height, width.
        classes: How many logits there must be at least.
        exactly: Whether there must not be more.

    Raises:
        InputError: If it cannot take such images, or returns something else.
    """
    device = next((p.device for p in network.parameters()), None)
    was = network.training
    try:
        network.eval()
        for count in (2, 1):
            images = torch.zeros(count, *image_shape, device=device)
            with torch.no_grad():
                got = logits_of(network, images).shape[1]
            if got < classes or (exactly and got > classes):
                raise InputError(f"the network has {got} classes, but there are {classes}")
    finally:
        network.train(was)


def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """Return what a network says of images.

    Raises:
        InputError: If it cannot take them, or returns no logits: ``(batch, class)``, floats.
    """
    said = _asked(lambda: network(images), f"take images of shape {tuple(images.shape[1:])}")
    got = type(said).__name__
    if isinstance(said, Tensor):
        if said.ndim == 2 and len(said) == len(images) and said.is_floating_point():
            return said
        got = f"{tuple(said.shape)}" if said.is_floating_point() else f"{said.dtype}"
    mode = " in training mode" if network.training else ""
    number = f"{len(images)} image{'s' * (len(images) > 1)}"
    raise InputError(
        f"the network must return logits of shape ({len(images)}, classes) for {number}, got "
        f"{got}{mode}"
    )


def _asked(answer: Callable[[], Value], what: str) -> Value:
    """Return what a network of somebody else answers, which may raise anything."""
    try:
        return answer()
    except Exception as error:
        if ran_out(error) or torch.are_deterministic_algorithms_enabled():
            raise  # that is told elsewhere
        raise InputError(f"the network cannot {what}: {first_line(error)}") from None


def check_drawn(
    recipe: NetworkRecipe, network: nn.Module, image_shape: ImageShape, classes: int
) -> None:
    """Refuse a network that cannot be rebuilt, or learned, by building it anew and trying.

    Args:
        recipe: What it was made of.
        network: The random network, normalisation in front; it is not changed.
        image_shape: Channel, height, width.
        classes: Number of logits.

    Raises:
        InputError: If another build of the recipe computes something else, answers with other
            things than logits in training mode, or gives no gradients, or a layer is not linear
            in its weight.
    """
    random = torch.Generator().manual_seed(0)
    images = torch.rand(2, *image_shape, generator=random)
    for _ in range(BUILDS):
        other = normalised(
            assembled(recipe, classes, image_shape), network.get_submodule("normalise")
        )
        if (what := _difference(network, other, images)) is not None:
            raise InputError(
                f"network {recipe.name} is another one each time it is built ({what}), so no "
                "ticket could rebuild it: let its random choices follow from a seed of its own"
            )
    _check_linear(other.eval(), images, recipe.name)
    for training in (False, True):
        _check_gradients(other.train(training), images)


def _difference(network: nn.Module, other: nn.Module, images: Tensor) -> str | None:
    """Return in what two builds differ beyond what a ticket stores; none if in nothing.

    The other network is given what a ticket stores: parameters and statistics.
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
        said, was = [], network.training
        for module in (network, other):
            with rng.fixed_globals():
                said.append(logits_of(module.eval(), images))
        network.train(was)
    bound = ALIKE * max(1.0, float(said[0].abs().max()))
    same = said[0].shape == said[1].shape and bool(((said[0] - said[1]).abs() <= bound).all())
    return None if same or not said[0].isfinite().all() else "its logits differ"


def _check_linear(network: nn.Module, images: Tensor, name: str) -> None:
    """Refuse layers of one's own that multiply by something else than the weight a mask covers."""
    layers = {n: m for n, m in network.named_modules() if isinstance(m, MASKED_KINDS)}
    own = {place: layer for place, layer in layers.items() if type(layer) not in MASKED_KINDS}
    inputs: dict[str, Tensor] = {}

    def remember(place: str, _: nn.Module, args: tuple[Tensor, ...]) -> None:
        inputs[place] = args[0]

    hooks = [m.register_forward_pre_hook(partial(remember, place)) for place, m in own.items()]
    with torch.no_grad(), rng.fixed_globals():
        network(images)
    for hook in hooks:
        hook.remove()
    for place, given in inputs.items():

        def output(times: float, layer: nn.Module = own[place], given: Tensor = given) -> Tensor:
            weight = times * layer.get_parameter("weight")
            with torch.no_grad(), rng.fixed_globals():
                result: Tensor = functional_call(layer, {"weight": weight}, (given,))
            return result

        none, once, twice = (output(times) for times in (0.0, 1.0, 2.0))
        if not torch.allclose(twice - none, 2 * (once - none), rtol=ALIKE, atol=ALIKE):
            raise InputError(
                f"network {name}: {place} ({type(own[place]).__name__}) computes other weights "
                "from its own, as weight standardisation does, so that no mask can cover them; use "
                "a plain layer"
            )


def _check_gradients(network: nn.Module, images: Tensor) -> None:
    """Refuse a network through which images or weights get no gradient."""
    mode = "training" if network.training else "eval"
    images = images.clone().requires_grad_()
    weights = list(maskable(network).values())
    labels = torch.zeros(len(images), dtype=torch.int64)
    with rng.fixed_globals():
        loss = F.cross_entropy(logits_of(network, images).float(), labels)
    for what, wanted in (("images", [images]), ("weights", weights)):
        found: tuple[Tensor | None, ...] = (None,)
        if loss.requires_grad:
            found = _asked(
                lambda wanted=wanted: torch.autograd.grad(  # type: ignore[misc]
                    loss, wanted, allow_unused=True, retain_graph=True
                ),
                "be differentiated",
            )
        if all(gradient is None for gradient in found):
            raise InputError(
                f"no gradient of the network's logits reaches its {what} in {mode} mode: is there "
                "a no_grad, detach or argmax in it?"
            )
