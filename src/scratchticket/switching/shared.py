"""Tickets that share their random weights in memory, switched in place.

The random weights are there once, however many tickets there are; each ticket adds a bit for every
bit of its mask and its batch-norm statistics (Sec. 4.7 and 5 of the paper).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from scratchticket.errors import InputError
from scratchticket.networks import Normalise, bare, statistics
from scratchticket.tickets import Ticket, check_one_network
from scratchticket.tickets.parts import compact


@dataclass(frozen=True)
class _Packed:
    """A ticket without its weights.

    Attributes:
        bits: Of each layer's mask, eight in a byte, lowest first, and the shape of the mask.
        statistics: Floating-point buffers.
        own: Parameters that differ from the shared ones: a task's classifier.
        normalise: Mean and standard deviation of the pixels.
    """

    bits: dict[str, tuple[Tensor, tuple[int, ...]]]
    statistics: dict[str, Tensor]
    own: dict[str, Tensor]
    normalise: tuple[Tensor, Tensor]


class SharedNetwork:
    """One plain module that is any of several tickets.

    Args:
        tickets: Of one random network; of several tasks they may differ in the classifier.
        device: Where the network is.

    Raises:
        InputError: If there is no ticket, they are of different networks, or weights were trained.

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
        if any(ticket.weights is not None for ticket in tickets):
            raise InputError("only tickets whose weights follow from a seed can share them")
        check_one_network(tickets)
        self._device = torch.device(device)
        self._network = tickets[0].build().to(self._device)
        self._first, self._weights = tickets[0], _weights(tickets[0], self._device)
        self._tickets = [self._packed(ticket) for ticket in tickets]
        self._foreign = {name for ticket in self._tickets for name in ticket.own}
        self.switch(0)

    def __len__(self) -> int:
        """Return the number of tickets."""
        return len(self._tickets)

    @property
    def active(self) -> int:
        """Which ticket the network is."""
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
        ticket, module = self._tickets[index], bare(self._network)
        parameters, buffers = dict(module.named_parameters()), statistics(module)
        with torch.no_grad():
            for name, weight in {**self._weights, **ticket.own}.items():
                if parameters[name].shape != weight.shape:
                    parameters[name].data = torch.empty_like(weight)
                if name in ticket.bits:
                    mask = _unpacked(*ticket.bits[name])
                    parameters[name].copy_(torch.where(mask, weight, 0.0))
                elif name in self._foreign:
                    parameters[name].copy_(weight)
            for name, statistic in ticket.statistics.items():
                buffers[name].copy_(statistic)
        normalise = self._network.get_submodule("normalise")
        normalise.mean, normalise.std = ticket.normalise
        self._active = index
        return self._network

    def memory(self) -> dict[str, int]:
        """Return what is held, in bytes: the weights, the network made of them, and each ticket."""
        module = [*self._network.parameters(), *self._network.buffers()]
        tickets = [
            _bytes([bits for bits, _ in ticket.bits.values()])
            + _bytes([*ticket.statistics.values(), *ticket.own.values(), *ticket.normalise])
            for ticket in self._tickets
        ]
        weights = _bytes(list(self._weights.values()))
        return {"weights": weights, "network": _bytes(module), "tickets": sum(tickets)}

    def _packed(self, ticket: Ticket) -> _Packed:
        """Return what a ticket adds to the shared weights."""
        bits = {}
        for name, mask in ticket.mask.items():
            small = compact(mask)
            packed = np.packbits(small.flatten().numpy(), bitorder="little")
            bits[name] = torch.from_numpy(packed).to(self._device), tuple(small.shape)
        weights = {} if ticket.same_start(self._first) else _weights(ticket, self._device)
        normalise = Normalise(ticket.mean, ticket.std).to(self._device)
        return _Packed(
            bits,
            {name: value.to(self._device) for name, value in ticket.statistics.items()},
            {n: w for n, w in weights.items() if not torch.equal(w, self._weights[n])},
            (normalise.mean, normalise.std),
        )


def _weights(ticket: Ticket, device: torch.device) -> dict[str, Tensor]:
    """Return all parameters of a ticket's random network."""
    parameters = bare(ticket.random_network()).named_parameters()
    return {name: parameter.detach().to(device) for name, parameter in parameters}


def _unpacked(packed: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the bool tensor of bits that lie eight in a byte, lowest first."""
    shifts = torch.arange(8, dtype=torch.uint8, device=packed.device)
    bits = packed.unsqueeze(1).bitwise_right_shift(shifts).bitwise_and_(1)
    return bits.view(-1)[: prod(shape)].view(shape).to(torch.bool)


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
