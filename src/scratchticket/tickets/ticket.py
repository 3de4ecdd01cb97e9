"""The ticket, a masked random network, and its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from scratchticket.base.errors import InputError, TicketError
from scratchticket.base.files import read_bytes, write_atomically
from scratchticket.base.modes import usual_modes
from scratchticket.masks import Mask
from scratchticket.networks import INITS, NetworkRecipe, bare, random_network
from scratchticket.networks import statistics as statistics_of
from scratchticket.tickets.bundle import Entry, pack_tickets, unpack_tickets
from scratchticket.tickets.header import Header, Layer, Statistic, Unmasked
from scratchticket.tickets.identity import check_one_network, fingerprint
from scratchticket.tickets.locate import ticket_path
from scratchticket.tickets.parts import Parts, decoded, encoded


@dataclass(frozen=True, eq=False)
class Ticket:
    """A mask over a random network, with its batch-norm statistics.

    A trained dense network is a ticket too: all weights remain, and they are stored.

    Attributes:
        network: Architecture and init of the random network.
        seed: Seed of the random weights.
        image_shape: Channel, height and width of the images the ticket was drawn on.
        classes: Class names, in the order of the logits.
        mean: Per-channel mean that the network's first layer subtracts from the pixels.
        std: Per-channel standard deviation that it divides by.
        mask: Parameter name to bool tensor, ``True`` = remains.
        statistics: The network's floating-point buffers, by name.
        fingerprints: Fingerprint of each parameter before masking, random or trained. Tickets of
            one network have equal fingerprints.
        score_seed: Seed of the search's initial scores, if they were random. The mask correlates
            with them, which makes its code shorter.
        weights: All parameters by name, if a seed cannot rebuild them; else None.
        provenance: Origin of the ticket, with its accuracies, as JSON values.
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

    def __repr__(self) -> str:
        size = "x".join(map(str, self.image_shape))
        return (
            f"Ticket({self.network.name}, {self.mask.kept:,} of {self.mask.total:,} weights, "
            f"images {size}, {len(self.classes)} classes)"
        )

    @property
    def remaining_ratio(self) -> float:
        """Fraction of the maskable weights that remain, in (0, 1]."""
        return self.mask.remaining_ratio

    def random_network(self) -> nn.Module:
        """Rebuild the dense random network this ticket was drawn from."""
        return random_network(
            self.network,
            classes=len(self.classes),
            image_shape=self.image_shape,
            seed=self.seed,
            mean=self.mean,
            std=self.std,
        )

    @usual_modes()
    def build(self) -> nn.Module:
        """Build the ticket's network.

        Returns:
            A plain module in eval mode, without gradients on its parameters, from pixels in [0, 1],
            ``(batch, channel, height, width)``, to logits, ``(batch, class)``.
        """
        network = self.random_network()
        parameters, buffers = dict(bare(network).named_parameters()), statistics_of(network)
        full = self.weights if self.weights is not None else parameters
        with torch.no_grad():
            for name, weight in {**full, **self.mask.apply(full)}.items():
                parameters[name].copy_(weight)
            for name, statistic in self.statistics.items():
                buffers[name].copy_(statistic)
        return network.eval().requires_grad_(False)

    def check_data(self, shape: tuple[int, int, int], classes: Sequence[str], name: str) -> None:
        """Refuse data that do not fit this ticket.

        Args:
            shape: Channel, height and width of the images.
            classes: Class names. The names 0, 1, ..., used where names are unknown, fit any names.
            name: Name of the data, for the error message.

        Raises:
            TicketError: If the shape of an image, the number of classes or their names differ.
        """
        if shape != self.image_shape:
            raise TicketError(
                f"the ticket takes images of shape {self.image_shape}, those of {name} have {shape}"
            )
        own, numbers = self.classes, tuple(str(number) for number in range(len(classes)))
        if len(classes) != len(own):
            raise TicketError(f"the ticket has {len(own)} classes, {name} has {len(classes)}")
        if numbers not in (own, tuple(classes)) and own != tuple(classes):
            pairs = enumerate(zip(own, classes, strict=True))
            index, (ours, theirs) = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
            raise TicketError(f"class {index} is {ours!r} in the ticket and {theirs!r} in {name}")

    def to_bytes(self) -> bytes:
        """Return the content of the ticket's file; equal tickets give equal bytes."""
        return tickets_to_bytes([self])

    def save(self, path: str | Path) -> None:
        """Write the ticket to a file, atomically.

        Raises:
            InputError: If the file cannot be written.
        """
        save_tickets([self], path)

    @staticmethod
    def from_bytes(content: bytes, index: int | None = None) -> Ticket:
        """Return the verified ticket in a file's content; see :meth:`load`."""
        entries = unpack_tickets(content)
        if index is None and len(entries) > 1:
            raise InputError(
                f"the file holds {len(entries)} tickets; say which, from 0 to {len(entries) - 1}"
            )
        if not 0 <= (index or 0) < len(entries):
            raise InputError(
                f"there is no ticket {index}; the file holds {len(entries)}, numbered from 0"
            )
        ticket = _from_entry(*entries[index or 0])
        ticket.prove()
        return ticket

    @staticmethod
    def load(path: str | Path, index: int | None = None) -> Ticket:
        """Read a ticket file; verify its hash and the weights rebuilt from the seed.

        Args:
            path: A path, or ``gallery:NAME`` or ``hub:OWNER/NAME``; see
                :func:`.locate.ticket_path`.
            index: Index of the ticket, from 0, if the file holds several; only it is decoded.

        Raises:
            InputError: If there is no such file, or it holds several tickets and no index is given.
            TicketError: If the file is not a ticket file or is damaged, or the seed gives different
                weights here than where the ticket was drawn.
        """
        with _named(path):
            return Ticket.from_bytes(read_bytes(ticket_path(path), "ticket file"), index)

    def prove(self, network: nn.Module | None = None) -> None:
        """Verify the weights against the fingerprints.

        Stored layers with pruned weights are skipped: their fingerprint covers all weights, of
        which only the remaining ones are stored.

        Args:
            network: The random network, if it is already built.

        Raises:
            TicketError: If a layer's weights do not match its fingerprint.
        """
        if self.weights is None:
            network = self.random_network() if network is None else network
            weights: Mapping[str, Tensor] = dict(bare(network).named_parameters())
        else:
            cut = {name for name, mask in self.mask.items() if not bool(mask.all())}
            weights = {name: w for name, w in self.weights.items() if name not in cut}
        for name, weight in weights.items():
            if fingerprint(weight) != self.fingerprints[name]:
                raise TicketError(f"the weights of {name} do not match the ticket's fingerprint")

    def same_start(self, other: Ticket) -> bool:
        """Return whether both tickets have the same random network, including the classifier."""

        def start(ticket: Ticket) -> tuple[object, ...]:
            return ticket.network, ticket.seed, ticket.image_shape, len(ticket.classes)

        return start(self) == start(other)

    @property
    def ternary(self) -> bool:
        """Whether the weights of each masked layer are -c, 0 or +c, with one c per layer."""
        return self.weights is None and INITS[self.network.init].constant


@usual_modes()
def tickets_to_bytes(tickets: Sequence[Ticket]) -> bytes:
    """Return the content of a file with several tickets of one network.

    Raises:
        InputError: If there is no ticket, or the tickets are of different networks.
    """
    if not tickets:
        raise InputError("a ticket file needs at least one ticket")
    check_one_network(tickets)
    return pack_tickets([_entry(ticket) for ticket in tickets])


def save_tickets(tickets: Sequence[Ticket], path: str | Path) -> None:
    """Write several tickets of one network into one file, atomically.

    Raises:
        InputError: If the file cannot be written, or the tickets are of different networks.
    """
    write_atomically(Path(path), tickets_to_bytes(tickets))


def load_tickets(path: str | Path) -> list[Ticket]:
    """Read and verify all tickets in a file; see :meth:`Ticket.load`."""
    with _named(path):
        tickets: list[Ticket] = []
        network = None
        for entry in unpack_tickets(read_bytes(ticket_path(path), "ticket file")):
            ticket = _from_entry(*entry)
            same = bool(tickets) and tickets[-1].same_start(ticket)
            if ticket.weights is None and (network is None or not same):
                network = ticket.random_network()
            ticket.prove(network)
            tickets.append(ticket)
        try:
            check_one_network(tickets)
        except InputError as error:
            raise TicketError(str(error)) from None
        return tickets


def _entry(ticket: Ticket) -> Entry:
    """Return the header and the tensors of a ticket's file."""
    parts = Parts(ticket.mask, ticket.statistics, ticket.weights)
    plan, bits, tensors = encoded(parts, ticket.score_seed)
    prints, stored = ticket.fingerprints, ticket.weights
    codes = zip(ticket.mask.items(), plan.kept, plan.contexts, strict=True)
    header = Header(
        network=ticket.network,
        seed=ticket.seed,
        image_shape=ticket.image_shape,
        classes=ticket.classes,
        mean=ticket.mean,
        std=ticket.std,
        weights="seed" if stored is None else "stored",
        score_seed=ticket.score_seed,
        lanes=plan.lanes,
        layers=tuple(
            Layer(name, tuple(mask.shape), bits[name], kept, contexts, prints[name])
            for (name, mask), kept, contexts in codes
        ),
        unmasked=tuple(Unmasked(*pair) for pair in prints.items() if pair[0] not in ticket.mask),
        statistics=tuple(Statistic(n, tuple(s.shape)) for n, s in ticket.statistics.items()),
        provenance=dict(ticket.provenance),
    )
    return header, tensors


def _from_entry(header: Header, tensors: dict[str, Tensor]) -> Ticket:
    """Return an unverified ticket from header and tensors; inverse of :func:`_entry`."""
    parts = decoded(header, tensors)
    return Ticket(
        network=header.network,
        seed=header.seed,
        image_shape=header.image_shape,
        classes=header.classes,
        mean=header.mean,
        std=header.std,
        mask=parts.mask,
        statistics=parts.statistics,
        fingerprints={layer.name: layer.fingerprint for layer in header.layers}
        | {other.name: other.fingerprint for other in header.unmasked},
        score_seed=header.score_seed,
        weights=parts.weights,
        provenance=header.provenance,
    )


@contextmanager
def _named(path: str | Path) -> Iterator[None]:
    """Prefix a TicketError's message with the file's name."""
    try:
        yield
    except TicketError as error:
        raise TicketError(f"{path}: {error}") from None
