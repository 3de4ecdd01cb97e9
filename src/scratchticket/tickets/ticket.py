"""The ticket: a network that was never trained, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from scratchticket import rng
from scratchticket.errors import TicketError
from scratchticket.files import read_bytes, write_atomically
from scratchticket.masks import Mask
from scratchticket.networks import NetworkRecipe, maskable, outline, random_network
from scratchticket.tickets import coding
from scratchticket.tickets.container import pack, unpack
from scratchticket.tickets.header import Header, Layer, Statistic, header_json, parse_header


def fingerprint(weights: Tensor) -> str:
    """Return the first 16 bytes of the SHA-256 of a layer's weights, in hexadecimal.

    Hashed are the values as float32, little-endian, in storage order of a contiguous tensor.
    """
    values = weights.detach().cpu().contiguous().numpy().astype("<f4", copy=False)
    return sha256(values.tobytes()).hexdigest()[:32]


@dataclass(frozen=True, eq=False)
class Ticket:
    """A mask over a random network, with the running statistics of its batch norm.

    A dense network is a ticket too: everything remains, and the weights are stored.

    Attributes:
        network: Architecture and init of the random network.
        seed: Seed of its weights.
        image_shape: Channel, height and width of the images it was drawn on.
        classes: Class names; a logit's index is an index into them.
        mean: Per channel, subtracted from the pixels by the network's first layer.
        std: Per channel, divided by.
        mask: Parameter name to bool tensor, ``True`` = remains.
        statistics: The network's floating-point buffers, by name.
        fingerprints: Of each masked layer's weights before masking, random or trained. Tickets of
            one network have equal fingerprints.
        score_seed: Seed of the initial scores the search started from, if it did; a mask remembers
            them, which makes its code shorter.
        weights: The weights by name if a seed cannot rebuild them, else none.
        provenance: JSON values: how the ticket came to be, with its accuracies.
    """

    network: NetworkRecipe
    seed: int
    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mask: Mask
    statistics: Mapping[str, Tensor]
    fingerprints: Mapping[str, str]
    score_seed: int | None = None
    weights: Mapping[str, Tensor] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def remaining_ratio(self) -> float:
        """Fraction of the maskable weights that remain, in (0, 1]."""
        return self.mask.remaining_ratio

    def random_network(self) -> nn.Module:
        """Rebuild the dense random network this ticket was drawn from."""
        return random_network(
            self.network,
            classes=len(self.classes),
            channels=self.image_shape[0],
            seed=self.seed,
            mean=self.mean,
            std=self.std,
        )

    def build(self) -> nn.Module:
        """Build the ticket's network.

        Returns:
            A plain module in eval mode, without gradients on its parameters, from pixels in [0, 1],
            ``(batch, channel, height, width)``, to logits, ``(batch, class)``.
        """
        network = self.random_network()
        parameters, buffers = maskable(network), dict(network.named_buffers())
        full = self.weights if self.weights is not None else parameters
        with torch.no_grad():
            for name, weight in self.mask.apply(full).items():
                parameters[name].copy_(weight)
            for name, statistic in self.statistics.items():
                buffers[name].copy_(statistic)
        return network.eval().requires_grad_(False)

    def check_data(self, shape: tuple[int, int, int], classes: int, name: str) -> None:
        """Refuse data this ticket was not made for.

        Raises:
            TicketError: If the shape of an image or the number of classes differ.
        """
        if shape != self.image_shape:
            raise TicketError(
                f"the ticket takes images of shape {self.image_shape}, those of {name} have {shape}"
            )
        if classes != len(self.classes):
            raise TicketError(f"the ticket has {len(self.classes)} classes, {name} has {classes}")

    def to_bytes(self) -> bytes:
        """Return the ticket file's content: the same ticket always gives the same bytes."""
        sizes = {name: mask.numel() for name, mask in self.mask.items()}
        code, plan = coding.encode(
            [mask.flatten().numpy() for mask in self.mask.values()],
            _contexts(self.score_seed, sizes),
        )
        layers = tuple(
            Layer(name, tuple(mask.shape), kept, contexts, self.fingerprints[name])
            for (name, mask), kept, contexts in zip(
                self.mask.items(), plan.kept, plan.contexts, strict=True
            )
        )
        stream = torch.from_numpy(np.frombuffer(code, np.uint8).copy())
        tensors = {"mask": stream, "statistics": _joined(self.statistics)}
        if self.weights is not None:
            kept = {name: self.weights[name][mask] for name, mask in self.mask.items()}
            tensors["weights"] = _joined(kept)
        header = Header(
            network=self.network,
            seed=self.seed,
            image_shape=self.image_shape,
            classes=self.classes,
            mean=self.mean,
            std=self.std,
            granularity="element",
            weights="seed" if self.weights is None else "stored",
            score_seed=self.score_seed,
            lanes=plan.lanes,
            layers=layers,
            statistics=tuple(Statistic(n, tuple(t.shape)) for n, t in self.statistics.items()),
            provenance=dict(self.provenance),
        )
        return pack(header_json(header), tensors)

    def save(self, path: str | Path) -> None:
        """Write the ticket file, whole or not at all.

        Raises:
            InputError: If the file cannot be written.
        """
        write_atomically(Path(path), self.to_bytes())

    @staticmethod
    def from_bytes(content: bytes) -> Ticket:
        """Read a ticket file's content and prove it; see :meth:`load`."""
        value, tensors = unpack(content)
        header = parse_header(value)
        _check_layout(header)
        masks = _decoded(header, _taken(tensors, "mask", torch.uint8))
        ticket = Ticket(
            network=header.network,
            seed=header.seed,
            image_shape=header.image_shape,
            classes=header.classes,
            mean=header.mean,
            std=header.std,
            mask=Mask(masks),
            statistics=_separated(
                _taken(tensors, "statistics", torch.float32),
                {statistic.name: statistic.shape for statistic in header.statistics},
            ),
            score_seed=header.score_seed,
            fingerprints={layer.name: layer.fingerprint for layer in header.layers},
            weights=None if header.weights == "seed" else _scattered(header, masks, tensors),
            provenance=header.provenance,
        )
        if tensors:
            raise TicketError(f"the ticket file holds an unknown tensor {min(tensors)!r}")
        ticket._prove()
        return ticket

    @staticmethod
    def load(path: str | Path) -> Ticket:
        """Read a ticket file, rebuild the random weights from the seed and prove that they match.

        Raises:
            InputError: If there is no such file.
            TicketError: If it is no ticket file, or any byte of it is damaged, or the weights that
                the seed gives here are not those the ticket was drawn from.
        """
        content = read_bytes(Path(path), "ticket file")
        try:
            return Ticket.from_bytes(content)
        except TicketError as error:
            raise TicketError(f"{path}: {error}") from None

    def _prove(self) -> None:
        """Check the statistics, and compare the weights with the fingerprints.

        Weights that are stored and do not all remain have a fingerprint of what cannot be rebuilt:
        it tells which tickets belong together, and there is nothing to compare it with.
        """
        for name, statistic in self.statistics.items():
            if not torch.isfinite(statistic).all():
                raise TicketError(f"the statistics {name} are not finite")
        weights = maskable(self.random_network()) if self.weights is None else self.weights
        for name, expected in self.fingerprints.items():
            if self.weights is not None and not bool(self.mask[name].all()):
                continue
            if fingerprint(weights[name]) != expected:
                raise TicketError(f"the weights of {name} do not match the ticket's fingerprint")


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


def _decoded(header: Header, stream: Tensor) -> dict[str, Tensor]:
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
