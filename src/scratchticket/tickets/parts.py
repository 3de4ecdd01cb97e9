"""What a ticket holds beside its header, as tensors of a file and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from scratchticket import rng
from scratchticket.errors import TicketError
from scratchticket.masks import Mask
from scratchticket.networks import maskable, outline
from scratchticket.tickets import coding
from scratchticket.tickets.header import Header


@dataclass(frozen=True)
class Parts:
    """The tensors of a ticket.

    Attributes:
        mask: Which weights remain.
        statistics: Floating-point buffers, by name.
        weights: By name, if they are stored.
    """

    mask: Mask
    statistics: Mapping[str, Tensor]
    weights: Mapping[str, Tensor] | None


def encoded(parts: Parts, score_seed: int | None) -> tuple[coding.Plan, dict[str, Tensor]]:
    """Return the tensors of a file, and the plan of the mask's code."""
    sizes = {name: mask.numel() for name, mask in parts.mask.items()}
    code, plan = coding.encode(
        [mask.flatten().numpy() for mask in parts.mask.values()], _contexts(score_seed, sizes)
    )
    stream = torch.from_numpy(np.frombuffer(code, np.uint8).copy())
    tensors = {"mask": stream, "statistics": _joined(parts.statistics)}
    if parts.weights is not None:
        kept = {name: parts.weights[name][mask] for name, mask in parts.mask.items()}
        tensors["weights"] = _joined(kept)
    return plan, tensors


def decoded(header: Header, tensors: dict[str, Tensor]) -> Parts:
    """Undo :func:`encoded`, having compared the header with the network it names.

    Raises:
        TicketError: If a tensor is missing, unknown or of the wrong type or size, or damaged.
    """
    _check_layout(header)
    left = dict(tensors)
    masks = _decoded_masks(header, _taken(left, "mask", torch.uint8))
    shapes = {statistic.name: statistic.shape for statistic in header.statistics}
    statistics = _separated(_taken(left, "statistics", torch.float32), shapes)
    weights = _scattered(header, masks, left) if header.weights == "stored" else None
    if left:
        raise TicketError(f"the ticket file holds an unknown tensor {min(left)!r}")
    for name, statistic in statistics.items():
        if not torch.isfinite(statistic).all():
            raise TicketError(f"the statistics {name} are not finite")
    return Parts(Mask(masks), statistics, weights)


def statistics_of(network: nn.Module) -> dict[str, Tensor]:
    """Return the buffers a ticket keeps: persistent and floating-point."""
    kept = network.state_dict().keys()
    return {n: b for n, b in network.named_buffers() if n in kept and b.is_floating_point()}


def _check_layout(header: Header) -> None:
    """Compare what a file claims to hold with the network it names, before allocating any of it."""
    bare = outline(header.network, classes=len(header.classes), channels=header.image_shape[0])
    layers = [(layer.name, layer.shape) for layer in header.layers]
    if layers != [(name, tuple(p.shape)) for name, p in maskable(bare).items()]:
        raise TicketError(f"the ticket's layers are not those of {header.network.name}")
    statistics = [(statistic.name, statistic.shape) for statistic in header.statistics]
    if statistics != [(name, tuple(b.shape)) for name, b in statistics_of(bare).items()]:
        raise TicketError(f"the ticket's statistics are not those of {header.network.name}")


def _contexts(score_seed: int | None, sizes: Mapping[str, int]) -> list[coding.Contexts | None]:
    """Return the initial scores' magnitudes of each layer, if their seed is known."""
    if score_seed is None:
        return [None] * len(sizes)
    return [rng.score_contexts(score_seed, name, size) for name, size in sizes.items()]


def _decoded_masks(header: Header, stream: Tensor) -> dict[str, Tensor]:
    """Decode the masks."""
    layers = header.layers
    plan = coding.Plan(
        sizes=tuple(layer.size for layer in layers),
        kept=tuple(layer.kept for layer in layers),
        contexts=tuple(layer.contexts for layer in layers),
        lanes=header.lanes,
    )
    contexts = _contexts(header.score_seed, {layer.name: layer.size for layer in layers})
    masks = coding.decode(stream.numpy().tobytes(), plan, contexts)
    return {
        layer.name: torch.from_numpy(mask).view(layer.shape)
        for layer, mask in zip(layers, masks, strict=True)
    }


def _joined(tensors: Mapping[str, Tensor]) -> Tensor:
    """Return all values one after the other: float32, one dimension."""
    flat = [tensor.detach().cpu().to(torch.float32).flatten() for tensor in tensors.values()]
    return torch.cat(flat) if flat else torch.empty(0)


def _separated(values: Tensor, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Undo :func:`_joined`."""
    sizes = [prod(shape) for shape in shapes.values()]
    if sum(sizes) != len(values):
        raise TicketError("the ticket's header and tensors disagree on the number of values")
    parts = torch.split(values, sizes)
    return {
        name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }


def _taken(tensors: dict[str, Tensor], name: str, dtype: torch.dtype) -> Tensor:
    """Remove and return a one-dimensional tensor."""
    tensor = tensors.pop(name, None)
    if tensor is None or tensor.dtype != dtype or tensor.ndim != 1:
        raise TicketError(f"the ticket file has no tensor {name!r} of the right type")
    return tensor


def _scattered(
    header: Header, masks: Mapping[str, Tensor], tensors: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Put the stored weights where the masks keep them; the others are +0.0."""
    values = _taken(tensors, "weights", torch.float32)
    kept = _separated(values, {layer.name: (layer.kept,) for layer in header.layers})
    weights = {name: torch.zeros(mask.shape) for name, mask in masks.items()}
    for name, mask in masks.items():
        weights[name][mask] = kept[name]
    return weights
