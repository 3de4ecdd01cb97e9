"""A network that switches between tickets in place.

All tickets share one copy of the random weights in memory; each adds a bit per weight and its
batch-norm statistics (Sec. 4.7 and 5 of the paper). Weights of one magnitude are stored as sign
bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from scratchticket.base.errors import InputError
from scratchticket.networks import bare, statistics
from scratchticket.switching.bits import padded, write_masked, write_signs
from scratchticket.switching.packing import Layer, Signs, pack
from scratchticket.tickets import Ticket


class SharedNetwork:
    """One plain module that can become any of several tickets.

    Args:
        tickets: Tickets of one random network, or of one trained network (RTTs); classifiers for
            different classes may differ.
        device: Device of the network.

    Raises:
        InputError: If there is no ticket, or the tickets are of different networks: of different
            seeds, or fine-tuned.

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
        self._device = torch.device(device)
        self._tickets = pack(tickets, self._device)
        self._network = tickets[0].build().to(self._device)
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
        """Index of the active ticket."""
        assert self._active is not None
        return self._active

    def switch(self, index: int) -> nn.Module:
        """Turn the network into another ticket, in place.

        Returns:
            The network: the same module at every call, in eval mode.

        Raises:
            InputError: If the index is out of range.
        """
        if not 0 <= index < len(self):
            raise InputError(f"there is no ticket {index}; there are {len(self)}, numbered from 0")
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
        """Return the bytes of weights, active network, and tickets (masks and statistics)."""
        masks = [x.mask for t in self._tickets for x in t.layers.values() if x.mask is not None]
        others = [
            value
            for ticket in self._tickets
            for value in (*ticket.statistics.values(), *ticket.normalise)
        ]
        all_weights = (layer.weights for t in self._tickets for layer in t.layers.values())
        weights = {id(w): w.bits if isinstance(w, Signs) else w for w in all_weights}
        return {
            "weights": _bytes([*weights.values()]),
            "network": _bytes([*self._storage.values(), *self._network.buffers()]),
            "tickets": _bytes([*masks, *others]),
        }


def _write(storage: Tensor, layer: Layer) -> None:
    """Write a ticket's parameter into the network."""
    weights, mask = layer.weights, layer.mask
    if mask is None:
        mask = torch.full((len(storage) // 8,), 255, dtype=torch.uint8, device=storage.device)
    if isinstance(weights, Signs):
        write_signs(storage, mask, weights.bits, weights.constant)
    else:
        write_masked(storage, mask, weights)


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
