"""What a run starts from: a random network, or the network of a ticket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from scratchticket.base.errors import InputError, unknown
from scratchticket.networks import bare, classifier
from scratchticket.tickets.ticket import Ticket

Weights = Literal["inherited", "new"]


@dataclass(frozen=True)
class Start:
    """A ticket, or a trained network, that a run goes on from.

    Attributes:
        ticket: What it goes on from.
        weights: ``inherited``: the ticket's. ``new``: those of the random network of the run's own
            seed and init; of the ticket only the mask is used.

    Raises:
        InputError: If ``weights`` is neither.
    """

    ticket: Ticket
    weights: Weights = "inherited"

    def __post_init__(self) -> None:
        if self.weights not in ("inherited", "new"):
            raise unknown("choice of weights", self.weights, ("inherited", "new"))

    def check_whole(self) -> None:
        """Refuse a start whose weights are not all there to choose from.

        Raises:
            InputError: If weights are missing, or none of them was trained.
        """
        if self.ticket.weights is None:
            raise InputError(
                "a ticket cannot be drawn from this ticket: its weights are random; "
                f"give seed {self.ticket.seed} instead of a file"
            )
        if self.ticket.remaining_ratio < 1:
            raise InputError(
                "a ticket can only be drawn from a network whose weights all remain; "
                f"here {100 * self.ticket.remaining_ratio:.3g} % do"
            )

    def hand_over(
        self, network: nn.Module, classes: Sequence[str], shape: tuple[int, int, int]
    ) -> None:
        """Copy the weights into a network of the same kind, if they are to be inherited.

        A classifier for other classes keeps its random weights. Batch-norm statistics are not
        handed over: the run makes its own.

        Args:
            network: Where to; changed in place.
            classes: Names of its classes.
            shape: Channel, height and width of its images.

        Raises:
            InputError: If another layer does not fit.
        """
        if self.weights == "new":
            return
        given = dict(bare(self.ticket.build()).named_parameters())
        taking = dict(bare(network).named_parameters())
        last = classifier(network, len(classes))
        fitting = {n for n, p in taking.items() if n in given and given[n].shape == p.shape}
        anew = {last, _bias(last)}
        wrong = sorted((given.keys() | taking.keys()) - fitting - anew)
        if self.ticket.classes != tuple(classes):
            fitting -= anew
        if wrong:
            own = self.ticket.image_shape
            images = f": it takes images of shape {own}, not {shape}" if own != shape else ""
            raise InputError(f"the network to start from has another {wrong[0]}{images}")
        with torch.no_grad():
            for name in fitting:
                taking[name].copy_(given[name])


def _bias(name: str | None) -> str | None:
    """Return the name of the bias that goes with a weight."""
    return name and name.removesuffix("weight") + "bias"
