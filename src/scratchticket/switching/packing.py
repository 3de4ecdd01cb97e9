"""Packed tickets of one network: shared weights are stored once, and masks as bits.

Weights that all have one magnitude are stored as sign bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from scratchticket.networks import Normalise, bare
from scratchticket.switching.bits import packed, padded
from scratchticket.tickets import Ticket, check_one_network


@dataclass(frozen=True)
class Signs:
    """Weights of one magnitude: the signs, packed eight to a byte, and the magnitude."""

    bits: Tensor
    constant: float


@dataclass(frozen=True)
class Layer:
    """A parameter of one ticket.

    Attributes:
        shape: Shape of the parameter.
        weights: Weights before masking; if stored as float32, padded to a multiple of eight.
        mask: Packed mask; None if all weights remain.
    """

    shape: tuple[int, ...]
    weights: Tensor | Signs
    mask: Tensor | None


@dataclass(frozen=True)
class Packed:
    """A packed ticket: parameters, floating-point buffers, and normalisation (mean, std)."""

    layers: dict[str, Layer]
    statistics: dict[str, Tensor]
    normalise: tuple[Tensor, Tensor]


def pack(tickets: Sequence[Ticket], device: torch.device) -> list[Packed]:
    """Return packed tickets that share equal weights in memory.

    Args:
        tickets: Tickets of one network; their classifiers may differ if their classes do.
        device: Device of all tensors.

    Raises:
        InputError: If the tickets are of different networks.
    """
    check_one_network(tickets)
    pool = _Pool(device)
    return [
        _packed(ticket, weights, pool, device)
        for ticket, weights in zip(tickets, _weights(tickets), strict=True)
    ]


def _packed(
    ticket: Ticket, weights: Mapping[str, Tensor], pool: _Pool, device: torch.device
) -> Packed:
    """Return a ticket packed with weights from a pool."""
    layers = {}
    for name, weight in weights.items():
        mask = ticket.mask.get(name)
        bits = None if mask is None or bool(mask.all()) else packed(mask).to(device)
        layers[name] = pool.layer(name, weight, bits)
    normalise = Normalise(ticket.mean, ticket.std).to(device)
    return Packed(
        layers,
        {name: value.to(device) for name, value in ticket.statistics.items()},
        (normalise.mean, normalise.std),
    )


class _Pool:
    """The weights of all tickets, with equal ones stored once."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._known: dict[str, list[tuple[Tensor, Tensor | Signs]]] = {}
        self._whole: dict[str, list[Layer]] = {}

    def layer(self, name: str, weight: Tensor, mask: Tensor | None) -> Layer:
        """Return a parameter of a ticket; weights equal before masking are stored once."""
        known = self._known.setdefault(name, [])
        stored = next((k for other, k in known if torch.equal(other, weight)), None)
        if stored is None:
            stored = self._compact(weight)
            known.append((weight, stored))
        shape = tuple(weight.shape)
        if mask is not None:
            return Layer(shape, stored, mask)
        whole = self._whole.setdefault(name, [])
        found = next((layer for layer in whole if layer.weights is stored), None)
        if found is None:
            found = Layer(shape, stored, None)
            whole.append(found)
        return found

    def _compact(self, weight: Tensor) -> Tensor | Signs:
        """Return weights as signs if all have one magnitude, else as padded float32."""
        sizes = weight.abs()
        if weight.numel() > 1 and bool((sizes == sizes.flatten()[0]).all()):
            return Signs(packed(weight > 0).to(self._device), float(sizes.flatten()[0]))
        whole = padded(tuple(weight.shape), self._device)
        whole[: weight.numel()].copy_(weight.flatten())
        return whole


def _weights(tickets: Sequence[Ticket]) -> list[Mapping[str, Tensor]]:
    """Return all parameters of each ticket before masking.

    A ticket with stored weights has only its remaining weights, so the stored weights of all
    tickets are merged.
    """
    merged: dict[tuple[str, tuple[int, ...]], Tensor] = {}
    for ticket in tickets:
        for name, weight in (ticket.weights or {}).items():
            key = name, tuple(weight.shape)
            mask = ticket.mask.get(name)
            merged[key] = (
                torch.where(mask, weight, merged[key])
                if mask is not None and key in merged
                else weight
            )
    known: list[Mapping[str, Tensor]] = []
    for number, ticket in enumerate(tickets):
        if ticket.weights is not None:
            known.append({n: merged[n, tuple(w.shape)] for n, w in ticket.weights.items()})
        elif number and tickets[0].weights is None and ticket.same_start(tickets[0]):
            known.append(known[0])
        else:
            known.append(dict(bare(ticket.random_network()).named_parameters()))
    return [{name: weight.detach() for name, weight in own.items()} for own in known]
