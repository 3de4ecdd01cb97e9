"""Start a run from the network of a ticket instead of a random network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from scratchticket.base.accuracy import percent
from scratchticket.base.errors import InputError, unknown
from scratchticket.networks import bare, classifier
from scratchticket.tickets.ticket import Ticket

Weights = Literal["inherited", "new"]


@dataclass(frozen=True)
class Start:
    """The ticket or trained network that a run starts from.

    Attributes:
        ticket: The ticket, or a trained dense network in the form of a ticket.
        weights: ``inherited``: the ticket's weights. ``new``: random weights drawn with the run's
            seed and init; only the ticket's mask is used.

    Raises:
        InputError: If ``weights`` is unknown.
    """

    ticket: Ticket
    weights: Weights = "inherited"

    def __post_init__(self) -> None:
        if self.weights not in ("inherited", "new"):
            raise unknown("choice of weights", self.weights, ("inherited", "new"))

    def check_dense(self) -> None:
        """Raise an error unless the start is a trained dense network.

        Raises:
            InputError: If weights are pruned, or if they are random.
        """
        if self.ticket.weights is None:
            raise InputError(
                "a ticket cannot be drawn from this ticket: its weights are random; "
                f"give seed {self.ticket.seed} instead of a file"
            )
        if self.ticket.remaining_ratio < 1:
            raise InputError(
                "a ticket can only be drawn from a dense network; "
                f"here {percent(self.ticket.remaining_ratio):.3g} % of the weights remain"
            )

    def copy_weights(
        self, network: nn.Module, classes: Sequence[str], shape: tuple[int, int, int]
    ) -> None:
        """Copy inherited weights into a network of the same architecture.

        With weights ``new``, nothing is copied. A classifier of other classes keeps its random
        weights. Batch-norm statistics are never copied: the run computes its own.

        Args:
            network: The network; changed in place.
            classes: Class names of the network.
            shape: Channel, height and width of the network's images.

        Raises:
            InputError: If a layer other than the classifier is missing or has another shape.
        """
        if self.weights == "new":
            return
        source = dict(bare(self.ticket.build()).named_parameters())
        target = dict(bare(network).named_parameters())
        weight = classifier(network, len(classes))
        fitting = {n for n, p in target.items() if n in source and source[n].shape == p.shape}
        head = {weight, _bias(weight)}
        wrong = sorted((source.keys() | target.keys()) - fitting - head)
        if self.ticket.classes != tuple(classes):
            fitting -= head
        if wrong:
            own = self.ticket.image_shape
            images = f": it takes images of shape {own}, not {shape}" if own != shape else ""
            raise InputError(f"the network to start from has a different {wrong[0]}{images}")
        with torch.no_grad():
            for name in fitting:
                target[name].copy_(source[name])


def _bias(name: str | None) -> str | None:
    """Return the name of the bias of a weight's layer."""
    return name and name.removesuffix("weight") + "bias"
