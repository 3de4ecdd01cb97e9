"""The tickets of the page, read from files and grouped by random network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from torch import nn

from scratchticket import gallery
from scratchticket.attacks import Norm
from scratchticket.base.accuracy import percent
from scratchticket.base.errors import InputError, TicketError
from scratchticket.data import Data, DataRecipe, ImageSet, load_data
from scratchticket.evaluation import balls
from scratchticket.judging.subject import drawn_under
from scratchticket.judging.switches import unique_names
from scratchticket.networks import placed
from scratchticket.runs.recipe import data_like, data_of
from scratchticket.switching import RandomSwitch
from scratchticket.tickets import Ticket, check_one_network, load_tickets
from scratchticket.tickets.facts import RecordedAccuracy, recorded_accuracy

PACKAGED = "digits"  # the data set that needs no download
COMPARED = "dense-digits-seed0"  # the gallery's dense networks for that data set
MAX_TICKETS = 12  # largest number of tickets in a switch
NATURAL, ROBUST = "naturally trained network", "robustly trained network"
DENSE = "dense network"  # if its training is unknown


@dataclass(frozen=True, eq=False)
class TicketSet:
    """Tickets of one random network, with test images and dense networks to compare.

    Attributes:
        name: Name of the set on the page.
        tickets: Tickets by name.
        dense: Dense networks for the same images and classes, by name.
        samples: Test images of the right shape, if available.
        source: Name of the data set of the samples.
        device: Device of the networks.
    """

    name: str
    tickets: dict[str, Ticket]
    dense: dict[str, Ticket] = field(default_factory=dict)
    samples: ImageSet | None = None
    source: str = ""
    device: str = "cpu"

    @property
    def first(self) -> Ticket:
        """The first ticket."""
        return next(iter(self.tickets.values()))

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channel, height, width)`` of the images."""
        return self.first.image_shape

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        return self.first.classes

    @property
    def best(self) -> str:
        """Name of the ticket with the highest recorded robust accuracy; of the first if none."""

        def robust(name: str) -> float:
            recorded = recorded_accuracy(self.tickets[name].provenance)
            return recorded.robust if recorded else -1.0

        return max(self.tickets, key=robust)

    @property
    def natural(self) -> list[str]:
        """Names of the naturally trained networks."""
        return [name for name, network in self.dense.items() if _trained(network) == NATURAL]

    def labels(self) -> dict[str, str]:
        """Return each ticket's label: name, remaining ratio, robust accuracy; sparsest first."""
        attack = self.attack()
        labels = {}
        for name in sorted(self.tickets, key=lambda name: self.tickets[name].mask.kept):
            ticket = self.tickets[name]
            recorded = recorded_accuracy(ticket.provenance)
            under = f" under {recorded.attack}" if recorded and not attack else ""
            robust = (
                f"robust {recorded.robust:.1f}\N{NO-BREAK SPACE}%{under}"
                if recorded
                else "robustness not recorded"
            )
            stored = "" if ticket.weights is None else ", trained"
            kept = f"keeps {percent(ticket.remaining_ratio):.3g}\N{NO-BREAK SPACE}%"
            labels[name] = f"{name}: {kept}{stored}, {robust}"
        return labels

    def attack(self) -> str:
        """Return the attack of the recorded robust accuracies; empty if they differ."""
        records = (recorded_accuracy(ticket.provenance) for ticket in self.tickets.values())
        titles = {recorded.attack for recorded in records if recorded}
        return titles.pop() if len(titles) == 1 else ""

    def about(self) -> dict[str, str]:
        """Return a line of text about every network, by name."""
        return {name: _about(ticket) for name, ticket in (self.tickets | self.dense).items()}

    def epsilon(self, norm: Norm) -> str:
        """Return the initial radius as text: the epsilon under which the first ticket was drawn.

        For another norm, it is a usual radius of that norm.
        """
        epsilon, own = drawn_under(self.first.provenance)
        if norm == own:
            return epsilon
        if norm == "linf":
            return "8/255"
        return balls(epsilon, "linf", self.shape).l2[0]

    @property
    def norm(self) -> Norm:
        """The norm under which the first ticket was drawn."""
        return drawn_under(self.first.provenance)[1]

    def switch(self, names: Sequence[str]) -> RandomSwitch:
        """Return the random switch between some of the tickets.

        Raises:
            InputError: If no ticket is named, too many are, or one is not in the set.
        """
        if not names:
            raise InputError("choose at least one ticket")
        if len(names) > MAX_TICKETS:
            raise InputError(f"choose at most {MAX_TICKETS} tickets, got {len(names)}")
        if missing := [name for name in names if name not in self.tickets]:
            raise InputError(f"there is no ticket {missing[0]!r} in this set")
        return _switch(self, tuple(names))

    def dense_networks(self) -> dict[str, nn.Module]:
        """Return the dense networks in eval mode, by name."""
        return {name: _dense(self, name) for name in self.dense}


@lru_cache(maxsize=4)
def _switch(of: TicketSet, names: tuple[str, ...]) -> RandomSwitch:
    switch = RandomSwitch([of.tickets[name] for name in names])
    placed(switch, of.device)
    return switch


@lru_cache(maxsize=8)
def _dense(of: TicketSet, name: str) -> nn.Module:
    return placed(of.dense[name].build(), of.device)


def _trained(network: Ticket) -> str:
    """Return how a dense network was trained: ``NATURAL``, ``ROBUST``, or else ``DENSE``."""
    try:
        attack = network.provenance["recipe"]["attack"]["name"]
    except (KeyError, TypeError):
        return DENSE
    return NATURAL if attack == "none" else ROBUST


def _about(ticket: Ticket) -> str:
    """Return a network's weight count, whether it is trained, and its robust accuracy, as text."""
    if _is_dense(ticket):
        weights = f"{ticket.mask.kept:,} weights, all trained"
    else:
        trained = "not trained" if ticket.weights is None else "trained"
        share = f"{ticket.mask.kept:,} of {ticket.mask.total:,} random weights"
        weights = f"{share}, {trained}"
    recorded: RecordedAccuracy | None = recorded_accuracy(ticket.provenance)
    if recorded is None:
        return weights
    return f"{weights}; robust accuracy {recorded.robust:.1f} % ({recorded.attack})"


def load_sets(
    files: Sequence[Path],
    *,
    dense: Path | None = None,
    data: str | None = None,
    device: str = "cpu",
) -> list[TicketSet]:
    """Read and verify tickets, and group them by random network.

    A dense network is a ticket in which all weights remain and are stored; it is added to every set
    with the same image shape and classes. Sets on the packaged digits also get the gallery's
    naturally trained and robustly trained networks, each unless the files hold such a network.

    Args:
        files: Files of tickets and dense networks.
        dense: File of a dense network to use instead of those among the files.
        data: Name or path of a data set for test images; by default, the digits for tickets drawn
            on the packaged digits, and none for other tickets.
        device: Device of the networks.

    Returns:
        The sets: those with test images first, then by number of tickets, largest first.

    Raises:
        InputError: If there is no ticket, or the data set or ``dense`` fits none.
        TicketError: If a file is not a ticket.
    """
    loaded = _read(files)
    tickets = [one for one in loaded if not _is_dense(one.ticket)]
    if not tickets:
        raise InputError("there is no ticket among the files, only dense networks")
    others = [one.ticket for one in loaded if _is_dense(one.ticket)]
    if dense is not None:
        others = [_only(dense)]
        if not any(_alike(one.ticket, others[0]) for one in tickets):
            raise InputError(f"no ticket has the image shape and classes of {dense}")
    groups = _grouped(tickets)
    images = _Images(data)
    names = _names([next(iter(group.values())) for group in groups])
    sets = []
    for name, group in zip(names, groups, strict=True):
        first = next(iter(group.values()))
        found = images.of(first)
        samples, source = (None, "") if found is None else (found.test, Path(found.name).name)
        compared = _compared(first, others)
        sets.append(TicketSet(name, group, compared, samples, source, device=device))
    images.check_used()
    return sorted(sets, key=lambda one: (one.samples is None, -len(one.tickets)))


def _compared(ticket: Ticket, others: Sequence[Ticket]) -> dict[str, Ticket]:
    """Return the dense networks to compare a set with, naturally trained ones first.

    Args:
        ticket: A ticket of the set.
        others: Dense networks for any images and classes.
    """
    fitting = [other for other in others if _alike(ticket, other)]
    own = data_of(ticket)
    if own is not None and own.name == PACKAGED:
        kinds = {_trained(other) for other in fitting}
        packaged = (one for one in _packaged() if _alike(ticket, one))
        fitting += [one for one in packaged if _trained(one) not in kinds]
    order = (NATURAL, ROBUST, DENSE)
    fitting.sort(key=lambda one: order.index(_trained(one)))
    return dict(zip(_numbered([_trained(one) for one in fitting]), fitting, strict=True))


def _packaged() -> list[Ticket]:
    """Return the gallery's dense networks for the packaged digits."""
    names = (name for name in gallery.names() if name.startswith(f"{COMPARED}/"))
    return [Ticket.load(gallery.path_of(name)) for name in names]


class _Read(NamedTuple):
    """A ticket with its file and, if the file holds several, its index."""

    path: Path
    number: int | None
    ticket: Ticket


def _read(files: Iterable[Path]) -> list[_Read]:
    """Return all tickets in files."""
    return [
        _Read(path, number if len(tickets) > 1 else None, ticket)
        for path in dict.fromkeys(files)
        for tickets in [load_tickets(path)]
        for number, ticket in enumerate(tickets)
    ]


def _is_dense(ticket: Ticket) -> bool:
    return ticket.weights is not None and ticket.mask.kept == ticket.mask.total


def _only(path: Path) -> Ticket:
    """Return the dense network in a file.

    Raises:
        InputError: If the file holds anything else.
    """
    ticket = Ticket.load(path)
    if not _is_dense(ticket):
        raise InputError(f"{path} is a sparse ticket; --dense takes a dense network")
    return ticket


def _alike(one: Ticket, other: Ticket) -> bool:
    """Return whether two tickets have the same image shape and classes."""
    return one.image_shape == other.image_shape and one.classes == other.classes


def _grouped(tickets: Sequence[_Read]) -> list[dict[str, Ticket]]:
    """Return the tickets of each random network, by short name, in the order of the files."""
    groups: list[list[_Read]] = []
    for one in tickets:
        for group in groups:
            first = group[0].ticket
            if _alike(first, one.ticket) and _one_network(first, one.ticket):
                group.append(one)
                break
        else:
            groups.append([one])
    return [
        dict(
            zip(
                unique_names([(one.path, one.number) for one in group]),
                (one.ticket for one in group),
                strict=True,
            )
        )
        for group in groups
    ]


def _one_network(one: Ticket, other: Ticket) -> bool:
    try:
        check_one_network([one, other])
    except InputError:
        return False
    return True


def _names(firsts: Sequence[Ticket]) -> list[str]:
    """Return a name for each set, given its first ticket."""
    return _numbered([_name(ticket) for ticket in firsts])


def _numbered(plain: Sequence[str]) -> list[str]:
    """Return names made unique by numbers where they repeat."""
    return [
        name if plain.count(name) == 1 else f"{name} ({plain[: index + 1].count(name)})"
        for index, name in enumerate(plain)
    ]


def _name(ticket: Ticket) -> str:
    recipe, own = ticket.network, data_of(ticket)
    images = Path(own.name).name if own else "x".join(str(size) for size in ticket.image_shape)
    width = "" if recipe.width is None else f", width {recipe.width}"
    return f"{images}: {recipe.name}{width}, seed {ticket.seed}"


class _Images:
    """Test images for tickets; each data set is read once.

    Args:
        name: Name of the data set that the user requested, if any.
    """

    def __init__(self, name: str | None) -> None:
        self._name, self._read, self._used = name, dict[DataRecipe, Data](), False
        self._why = ""

    def of(self, ticket: Ticket) -> Data | None:
        """Return a data set that fits a ticket; None if there is none."""
        own = data_of(ticket)
        name = self._name or (own.name if own else None)
        if name is None or (self._name is None and name != PACKAGED):
            return None
        recipe = data_like(ticket, name, None)
        if recipe not in self._read:
            self._read[recipe] = load_data(recipe)
        data = self._read[recipe]
        try:
            ticket.check_data(data.shape, data.classes, data.name)
        except TicketError as error:
            self._why = str(error)
            return None
        self._used = True
        return data

    def check_used(self) -> None:
        """Raise an InputError if the requested data set fits no ticket."""
        if self._name is not None and not self._used:
            raise InputError(self._why)
