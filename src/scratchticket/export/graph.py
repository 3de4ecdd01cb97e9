"""Several tickets as one module, to be exported as one graph that also unpacks their weights.

The weights are stored once; each ticket adds one bit per weight and its batch-norm statistics.
Signed-constant weights also take one bit each: a ticket's weights are ternary, -c, 0 or +c.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from scratchticket.base.errors import InputError
from scratchticket.networks import bare
from scratchticket.switching.bits import bits_of_bytes
from scratchticket.switching.packing import Layer, Signs, pack
from scratchticket.tickets import Ticket


class TicketGraph(nn.Module):
    """A module from images and a ticket index to logits.

    It has no parameters, only buffers: packed masks, weights or their signs, statistics. Its output
    equals that of :meth:`Ticket.build` bit for bit.

    Args:
        tickets: Tickets of one network, with the same classes.

    Raises:
        InputError: If there is no ticket, or the tickets do not fit together.

    Example:
        >>> import torch
        >>> from scratchticket import LearningRecipe, NetworkRecipe, draw_ticket, load_data
        >>> data, small = load_data("digits"), NetworkRecipe(width=2)
        >>> quick = LearningRecipe(epochs=1, batch_size=256)
        >>> tickets = [draw_ticket(data, small, ratio=r, learning=quick) for r in (0.1, 0.3)]
        >>> graph = TicketGraph(tickets)
        >>> graph(torch.rand(5, 1, 8, 8), torch.tensor(1)).shape
        torch.Size([5, 10])
    """

    table: Tensor
    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, tickets: Sequence[Ticket]) -> None:
        super().__init__()
        if not tickets:
            raise InputError("a graph needs at least one ticket")
        first = tickets[0]
        if any(t.classes != first.classes or t.image_shape != first.image_shape for t in tickets):
            raise InputError("the tickets of one graph must have the same classes and image shape")
        if any((t.mean, t.std) != (first.mean, first.std) for t in tickets):
            raise InputError("the tickets of one graph must have the same normalisation")
        together = pack(tickets, torch.device("cpu"))
        self._network = [first.build()]  # architecture; in a list, so that it is not a submodule
        for name, value in zip(("pixel_mean", "pixel_std"), together[0].normalise, strict=True):
            self.register_buffer(name, value)
        self.register_buffer("table", bits_of_bytes(torch.device("cpu")))
        layers = {name: [own.layers[name] for own in together] for name in together[0].layers}
        self._weights = {name: f"weight{place}" for place, name in enumerate(layers)}
        for name, child in self._weights.items():
            self.add_module(child, _Unpacked(layers[name]))
        self._statistics = {name: f"statistic{i}" for i, name in enumerate(first.statistics)}
        for name, buffer in self._statistics.items():
            self.register_buffer(buffer, torch.stack([t.statistics[name] for t in tickets]))
        self._prefix = "" if bare(self._network[0]) is self._network[0] else "network."

    def forward(self, images: Tensor, ticket: Tensor | None = None) -> Tensor:
        """Return the logits of one ticket.

        Args:
            images: Pixels in [0, 1], ``(batch, channel, height, width)``.
            ticket: Index of the ticket, a scalar int64; 0 if not given.

        Returns:
            ``(batch, class)``.
        """
        row = (
            torch.zeros(1, dtype=torch.int64, device=self.table.device)
            if ticket is None
            else ticket.reshape(1)
        )
        values = {"normalise.mean": self.pixel_mean, "normalise.std": self.pixel_std}
        for name, child in self._weights.items():
            values[self._prefix + name] = self.get_submodule(child)(self.table, row)
        for name, buffer in self._statistics.items():
            values[self._prefix + name] = self.get_buffer(buffer).index_select(0, row).squeeze(0)
        logits: Tensor = functional_call(self._network[0], values, (images,))
        return logits


class _Unpacked(nn.Module):
    """One parameter: the weights that all tickets share, and the packed mask of each ticket.

    Args:
        layers: The parameter in each ticket.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self._shape = layers[0].shape
        size = torch.Size(self._shape).numel()
        weights = layers[0].weights
        if any(layer.weights is not weights for layer in layers):
            raise InputError("the tickets of one graph must have the same weights before masking")
        self._constant = weights.constant if isinstance(weights, Signs) else None
        held = weights.bits if isinstance(weights, Signs) else weights[:size].view(self._shape)
        self.register_buffer("weights", held)
        all_ones = torch.full((-(-size // 8),), 255, dtype=torch.uint8)
        masks = [all_ones if layer.mask is None else layer.mask for layer in layers]
        whole = all(layer.mask is None for layer in layers)
        self.register_buffer("masks", None if whole else torch.stack(masks))

    def forward(self, table: Tensor, row: Tensor) -> Tensor:
        """Return the parameter of the ticket in the given row of the masks."""
        weights: Tensor = self.get_buffer("weights")
        if self._constant is not None:
            signs = self._bits(table, weights)
            weights = torch.where(signs, self._constant, -self._constant)
        masks = self._buffers["masks"]
        if masks is None:
            return weights
        mask = self._bits(table, masks.index_select(0, row).squeeze(0))
        return torch.where(mask, weights, 0.0)

    def _bits(self, table: Tensor, packed: Tensor) -> Tensor:
        """Return packed bits as bool in the shape of the parameter."""
        bits = table.index_select(0, packed.to(torch.int32)).flatten()
        return bits[: torch.Size(self._shape).numel()].view(self._shape)
