"""Encode a ticket's mask, statistics and weights as tensors of a file, and decode them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from scratchticket.base import rng
from scratchticket.base.errors import TicketError, first_line
from scratchticket.masks import Mask
from scratchticket.networks import maskable, outline, statistics, unmasked
from scratchticket.tickets import coding
from scratchticket.tickets.header import Header

Shapes = dict[str, tuple[int, ...]]
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Parts:
    """The tensors of a ticket.

    Attributes:
        mask: Which weights remain.
        statistics: Floating-point buffers, by name.
        weights: All parameters, by name, if they are stored.
    """

    mask: Mask
    statistics: Mapping[str, Tensor]
    weights: Mapping[str, Tensor] | None


def encoded(parts: Parts, score_seed: int | None) -> tuple[coding.Plan, Shapes, Tensors]:
    """Return the plan of the mask's code, the shape of each layer's coded mask, and the tensors."""
    bits = {name: compact(mask) for name, mask in parts.mask.items()}
    sizes = {name: layer.numel() for name, layer in bits.items()}
    code, plan = coding.encode(
        [layer.flatten().numpy() for layer in bits.values()], _contexts(score_seed, sizes)
    )
    stream = torch.from_numpy(np.frombuffer(code, np.uint8).copy())
    tensors = {"mask": stream, "statistics": _joined(parts.statistics)}
    if parts.weights is not None:
        kept = {name: parts.weights[name][mask] for name, mask in parts.mask.items()}
        others = {name: w for name, w in parts.weights.items() if name not in parts.mask}
        tensors["weights"] = _joined(kept | others)
    return plan, {name: tuple(layer.shape) for name, layer in bits.items()}, tensors


def compact(mask: Tensor) -> Tensor:
    """Return a mask reduced to size 1 in each trailing dimension along which it is constant.

    A mask of rows, kernels or channels thus has one bit for each.
    """
    for dimension in range(mask.ndim - 1, 0, -1):
        first = mask.narrow(dimension, 0, 1)
        if not bool((mask == first).all()):
            break
        mask = first
    return mask


def decoded(header: Header, tensors: dict[str, Tensor]) -> Parts:
    """Return the parts of a ticket, after checking the header; inverse of :func:`encoded`.

    Raises:
        TicketError: If the header does not fit the network, or a tensor is missing, unknown,
            damaged, or of the wrong type or size.
    """
    others = {name: tuple(value.shape) for name, value in unmasked(_outline(header)).items()}
    unread = dict(tensors)
    masks = _decoded_masks(header, _popped(unread, "mask", torch.uint8))
    shapes = {statistic.name: statistic.shape for statistic in header.statistics}
    stored = _separated(_popped(unread, "statistics", torch.float32), shapes)
    weights = None
    if header.weights == "stored":
        shapes = {layer.name: (layer.remaining,) for layer in header.layers} | others
        weights = _separated(_popped(unread, "weights", torch.float32), shapes)
        weights |= {name: _scattered(weights[name], mask) for name, mask in masks.items()}
    if unread:
        raise TicketError(f"the ticket file holds an unknown tensor {min(unread)!r}")
    for name, values in {**stored, **(weights or {})}.items():
        if torch.isnan(values).any() or (weights and name in weights and values.isinf().any()):
            raise TicketError(f"the values of {name} are not finite")
    return Parts(Mask(masks), stored, weights)


def _outline(header: Header) -> nn.Module:
    """Return the file's network on the meta device, after checking that the header fits it.

    This bounds what a hostile file can make the reader allocate.
    """
    name = header.network.name
    try:
        shape, classes = header.image_shape, len(header.classes)
        network = outline(header.network, classes=classes, image_shape=shape)
    except Exception as error:  # a user's network may raise anything
        raise TicketError(
            f"the ticket's network {name} cannot be built: {first_line(error)}"
        ) from None
    if [other.name for other in header.unmasked] != list(unmasked(network)):
        raise TicketError(f"the ticket's unmasked parameters are not those of {name}")
    for kind, claimed, own in (
        ("layers", header.layers, maskable(network)),
        ("statistics", header.statistics, statistics(network)),
    ):
        if [(c.name, c.shape) for c in claimed] != [(n, tuple(t.shape)) for n, t in own.items()]:
            raise TicketError(f"the ticket's {kind} are not those of {name}")
    return network


def _contexts(score_seed: int | None, sizes: Mapping[str, int]) -> list[coding.Contexts | None]:
    """Return each layer's contexts, from its initial scores; all None if there is no seed."""
    if score_seed is None:
        return [None] * len(sizes)
    return [rng.score_contexts(score_seed, name, size) for name, size in sizes.items()]


def _decoded_masks(header: Header, stream: Tensor) -> dict[str, Tensor]:
    """Return the mask of each layer."""
    layers = header.layers
    plan = coding.Plan(
        sizes=tuple(prod(layer.bits) for layer in layers),
        kept=tuple(layer.kept for layer in layers),
        contexts=tuple(layer.contexts for layer in layers),
        lanes=header.lanes,
    )
    grouped = {layer.name: prod(layer.bits) for layer in layers if layer.contexts > 1}
    known = dict(zip(grouped, _contexts(header.score_seed, grouped), strict=True))
    contexts = [known.get(layer.name) for layer in layers]
    masks = coding.decode(stream.numpy().tobytes(), plan, contexts)
    return {
        layer.name: torch.from_numpy(mask).view(layer.bits).expand(layer.shape)
        for layer, mask in zip(layers, masks, strict=True)
    }


def _joined(tensors: Mapping[str, Tensor]) -> Tensor:
    """Return all values concatenated into a float32 vector."""
    flat = [tensor.detach().cpu().to(torch.float32).flatten() for tensor in tensors.values()]
    return torch.cat(flat) if flat else torch.empty(0, dtype=torch.float32)


def _separated(values: Tensor, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Split a vector into tensors of these shapes; inverse of :func:`_joined`."""
    sizes = [prod(shape) for shape in shapes.values()]
    if sum(sizes) != len(values):
        raise TicketError("the ticket's header and tensors disagree on the number of values")
    parts = torch.split(values, sizes)
    return {
        name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }


def _popped(tensors: dict[str, Tensor], name: str, dtype: torch.dtype) -> Tensor:
    """Remove and return a one-dimensional tensor."""
    tensor = tensors.pop(name, None)
    if tensor is None or tensor.dtype != dtype or tensor.ndim != 1:
        raise TicketError(f"the ticket file has no tensor {name!r} of the right type")
    return tensor


def _scattered(values: Tensor, mask: Tensor) -> Tensor:
    """Return a layer with the stored values where the mask is true, +0.0 elsewhere."""
    full = torch.zeros(mask.shape, dtype=values.dtype)
    full[mask] = values
    return full
