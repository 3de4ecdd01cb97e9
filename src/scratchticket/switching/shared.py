"""Tickets that share their random weights in memory, switched in place.

The random weights are there once, however many tickets there are; each ticket adds a bit per weight
and its batch-norm statistics (Sec. 4.7 and 5 of the paper). Of signed constants the weights
themselves are a bit each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from scratchticket.errors import InputError
from scratchticket.networks import Normalise, bare, statistics
from scratchticket.switching.bits import packed, padded, write_masked, write_signs
from scratchticket.tickets import Ticket, check_one_network


@dataclass(frozen=True)
class _Signs:
    """Weights that differ in sign alone: eight in a byte, and their absolute value."""

    bits: Tensor
    constant: float


@dataclass(frozen=True)
class _Layer:
    """A parameter as one ticket has it.

    Attributes:
        shape: Of the parameter.
        weights: Before masking; float32 ones are filled up to whole bytes of bits.
        mask: Eight in a byte; none if everything remains.
    """

    shape: tuple[int, ...]
    weights: Tensor | _Signs
    mask: Tensor | None


@dataclass(frozen=True)
class _Packed:
    """A ticket: its parameters, its floating-point buffers, mean and standard deviation."""

    layers: dict[str, _Layer]
    statistics: dict[str, Tensor]
    normalise: tuple[Tensor, Tensor]


class SharedNetwork:
    """One plain module that is any of several tickets.

    Args:
        tickets: Of one network, random or trained before they were drawn; of several tasks they may
            differ in the classifier.
        device: Where the network is.

    Raises:
        InputError: If there is no ticket, or they are of different networks: of another seed, or
            fine-tuned.

    Example:
        >>> from scratchticket import LearningRecipe, NetworkRecipe, draw_ticket, load_data
        >>> data, small = load_data("digits"), NetworkRecipe(width=2)
        >>> quick = LearningRecipe(epochs=1, batch_size=256)
        >>> tickets = [draw_ticket(data, small, ratio=r, learning=quick) for r in (0.1, 0.3)]
        >>> shared = SharedNetwork(tickets)
        >>> network = shared.switch(1)  # the same module, now the second ticket
    """

    def __init__(self, tickets: Sequence[Ticket], device: torch.device | str = "cpu") -> None:
        if not tickets:
            raise InputError("a shared network needs at least one ticket")
        check_one_network(tickets)
        self._device = torch.device(device)
        self._network = tickets[0].build().to(self._device)
        pool = _Pool(self._device)
        self._tickets = [
            self._packed(ticket, weights, pool)
            for ticket, weights in zip(tickets, _weights(tickets), strict=True)
        ]
        self._pool = pool.kept()
        self._storage = {
            (name, layer.shape): padded(layer.shape, self._device)
            for ticket in self._tickets
            for name, layer in ticket.layers.items()
        }
        self._active: int | None = None
        self.switch(0)

    def __len__(self) -> int:
        """Return the number of tickets."""
        return len(self._tickets)

    @property
    def active(self) -> int:
        """Which ticket the network is."""
        assert self._active is not None
        return self._active

    def switch(self, index: int) -> nn.Module:
        """Make the network another ticket, in place.

        Returns:
            The network: the same module at every call, in eval mode.

        Raises:
            InputError: If there is no such ticket.
        """
        if not 0 <= index < len(self):
            raise InputError(f"there is no ticket {index}; there are {len(self)}, from 0")
        if index == self._active:
            return self._network
        ticket, module = self._tickets[index], bare(self._network)
        parameters, buffers = dict(module.named_parameters()), statistics(module)
        current = {} if self._active is None else self._tickets[self._active].layers
        with torch.no_grad():
            for name, layer in ticket.layers.items():
                if layer is not current.get(name):
                    storage = self._storage[name, layer.shape]
                    _write(storage, layer)
                    parameters[name].data = storage[: prod(layer.shape)].view(layer.shape)
            for name, statistic in ticket.statistics.items():
                buffers[name].copy_(statistic)
        normalise = self._network.get_submodule("normalise")
        normalise.mean, normalise.std = ticket.normalise
        self._active = index
        return self._network

    def memory(self) -> dict[str, int]:
        """Return what is held, in bytes: the weights, the network made of them, and each ticket."""
        masks = [x.mask for t in self._tickets for x in t.layers.values() if x.mask is not None]
        others = [
            value
            for ticket in self._tickets
            for value in (*ticket.statistics.values(), *ticket.normalise)
        ]
        weights = [w.bits if isinstance(w, _Signs) else w for w in self._pool]
        return {
            "weights": _bytes(weights),
            "network": _bytes([*self._storage.values(), *self._network.buffers()]),
            "tickets": _bytes([*masks, *others]),
        }

    def _packed(self, ticket: Ticket, weights: Mapping[str, Tensor], pool: _Pool) -> _Packed:
        """Return what is kept of a ticket."""
        layers = {}
        for name, weight in weights.items():
            mask = ticket.mask.get(name)
            bits = None if mask is None or bool(mask.all()) else packed(mask).to(self._device)
            layers[name] = pool.layer(name, weight, bits)
        normalise = Normalise(ticket.mean, ticket.std).to(self._device)
        return _Packed(
            layers,
            {name: value.to(self._device) for name, value in ticket.statistics.items()},
            (normalise.mean, normalise.std),
        )


class _Pool:
    """All weights of all tickets, equal ones once.

    Args:
        device: Where they are kept.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._known: dict[str, list[tuple[Tensor, Tensor | _Signs]]] = {}
        self._whole: dict[str, list[_Layer]] = {}

    def kept(self) -> list[Tensor | _Signs]:
        """Return what is kept."""
        return [kept for known in self._known.values() for _, kept in known]

    def layer(self, name: str, weight: Tensor, mask: Tensor | None) -> _Layer:
        """Return a parameter of a ticket; one that is not masked is the same for all tickets."""
        known = self._known.setdefault(name, [])
        kept = next((k for other, k in known if torch.equal(other, weight)), None)
        if kept is None:
            kept = self._small(weight)
            known.append((weight, kept))
        shape = tuple(weight.shape)
        if mask is not None:
            return _Layer(shape, kept, mask)
        whole = self._whole.setdefault(name, [])
        found = next((layer for layer in whole if layer.weights is kept), None)
        if found is None:
            found = _Layer(shape, kept, None)
            whole.append(found)
        return found

    def _small(self, weight: Tensor) -> Tensor | _Signs:
        """Return weights as they are kept."""
        sizes = weight.abs()
        if weight.numel() > 1 and bool((sizes == sizes.flatten()[0]).all()):
            return _Signs(packed(weight > 0).to(self._device), float(sizes.flatten()[0]))
        whole = padded(tuple(weight.shape), self._device)
        whole[: weight.numel()].copy_(weight.flatten())
        return whole


def _write(storage: Tensor, layer: _Layer) -> None:
    """Write a parameter as a ticket has it."""
    weights, mask = layer.weights, layer.mask
    if mask is None:
        mask = torch.full((len(storage) // 8,), 255, dtype=torch.uint8, device=storage.device)
    if isinstance(weights, _Signs):
        write_signs(storage, mask, weights.bits, weights.constant)
    else:
        write_masked(storage, mask, weights)


def _weights(tickets: Sequence[Ticket]) -> list[Mapping[str, Tensor]]:
    """Return all parameters of each ticket before masking.

    Of stored weights a ticket has those that remain in it; tickets of one network are put together.
    """
    united: dict[tuple[str, tuple[int, ...]], Tensor] = {}
    for ticket in tickets:
        for name, weight in (ticket.weights or {}).items():
            key = name, tuple(weight.shape)
            mask = ticket.mask.get(name)
            united[key] = (
                torch.where(mask, weight, united[key])
                if mask is not None and key in united
                else weight
            )
    known: list[Mapping[str, Tensor]] = []
    for number, ticket in enumerate(tickets):
        if ticket.weights is not None:
            known.append({n: united[n, tuple(w.shape)] for n, w in ticket.weights.items()})
        elif number and tickets[0].weights is None and ticket.same_start(tickets[0]):
            known.append(known[0])
        else:
            known.append(dict(bare(ticket.random_network()).named_parameters()))
    return [{name: weight.detach() for name, weight in own.items()} for own in known]


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
