"""The tickets of the page: read from files, put together by the random network they are of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from torch import nn

from scratchticket.attacks import Norm
from scratchticket.base.errors import InputError, TicketError
from scratchticket.data import Data, DataRecipe, ImageSet, load_data
from scratchticket.evaluation import balls
from scratchticket.judging.subject import drawn_under
from scratchticket.judging.switches import unique_names
from scratchticket.networks import placed
from scratchticket.runs.recipe import data_like, data_of
from scratchticket.switching import RandomSwitch
from scratchticket.tickets import Ticket, check_one_network, load_tickets

PACKAGED = "digits"  # the data that needs no download
MAX_TICKETS = 12  # that are asked at a time


@dataclass(frozen=True, eq=False)
class TicketSet:
    """Tickets of one random network, and what they are tried on and compared with.

    Attributes:
        name: What the set is called on the page.
        tickets: By name.
        dense: A dense network for the same images and classes, if there is one.
        samples: Test images of the right shape, if there are any.
        source: Name of the data that the samples are of.
        device: Where networks are asked.
    """

    name: str
    tickets: dict[str, Ticket]
    dense: Ticket | None = None
    samples: ImageSet | None = None
    source: str = ""
    device: str = "cpu"

    @property
    def first(self) -> Ticket:
        """One of the tickets."""
        return next(iter(self.tickets.values()))

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channel, height, width)`` of the images."""
        return self.first.image_shape

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        return self.first.classes

    def epsilon(self, norm: Norm) -> str:
        """Return the radius to begin with: what the first ticket was drawn at, as text.

        In the other norm it is the least radius that a suite would look at.
        """
        epsilon, own = drawn_under(self.first.provenance)
        if norm == own:
            return epsilon
        if norm == "linf":
            return "8/255"
        return balls(epsilon, "linf", self.shape).l2[0]

    @property
    def norm(self) -> Norm:
        """The norm that the first ticket was drawn in."""
        return drawn_under(self.first.provenance)[1]

    def switch(self, names: Sequence[str]) -> RandomSwitch:
        """Return the random switch between some of the tickets.

        Raises:
            InputError: If there is none, too many, or one that is not in the set.
        """
        if not names:
            raise InputError("choose at least one ticket")
        if len(names) > MAX_TICKETS:
            raise InputError(f"choose at most {MAX_TICKETS} tickets, got {len(names)}")
        if missing := [name for name in names if name not in self.tickets]:
            raise InputError(f"there is no ticket {missing[0]!r} in this set")
        return _switch(self, tuple(names))

    def dense_network(self) -> nn.Module | None:
        """Return the dense network, ready to answer; none if there is none."""
        return None if self.dense is None else _dense(self)


@lru_cache(maxsize=4)
def _switch(of: TicketSet, names: tuple[str, ...]) -> RandomSwitch:
    switch = RandomSwitch([of.tickets[name] for name in names])
    placed(switch, of.device)
    return switch


@lru_cache(maxsize=2)
def _dense(of: TicketSet) -> nn.Module:
    assert of.dense is not None
    return placed(of.dense.build(), of.device)


def load_sets(
    files: Sequence[Path],
    *,
    dense: Path | None = None,
    data: str | None = None,
    device: str = "cpu",
) -> list[TicketSet]:
    """Read and prove tickets, and put those of one random network together.

    A dense network, which is a ticket in which everything remains and all weights are stored, is
    compared with every set of its images and classes.

    Args:
        files: Of tickets, and of dense networks.
        dense: File of the dense network that counts, whatever is among the files.
        data: Name or path of the data that test images are taken from; without it, the packaged
            digits serve the tickets that were drawn on them.
        device: Where networks are asked.

    Returns:
        First those with images to choose from.

    Raises:
        InputError: If there is no ticket, or the data fits none.
        TicketError: If a file is no ticket.
    """
    loaded = _read(files)
    tickets = [one for one in loaded if not _is_dense(one.ticket)]
    if not tickets:
        raise InputError("there is no ticket among the files: dense networks are only compared")
    others = [one.ticket for one in loaded if _is_dense(one.ticket)]
    if dense is not None:
        others = [_only(dense)]
    groups = _grouped(tickets)
    images = _Images(data)
    names = _names([next(iter(group.values())) for group in groups])
    sets = []
    for name, group in zip(names, groups, strict=True):
        first = next(iter(group.values()))
        fitting = (other for other in others if _alike(first, other))
        found = images.of(first)
        samples, source = (None, "") if found is None else (found.test, Path(found.name).name)
        sets.append(TicketSet(name, group, next(fitting, None), samples, source, device=device))
    if dense is not None and all(one.dense is None for one in sets):
        raise InputError(f"{dense} takes other images or classes than every ticket")
    images.check_used()
    return sorted(sets, key=lambda one: one.samples is None)


class _Read(NamedTuple):
    """A ticket, with its file and, where that holds several, its number there."""

    path: Path
    number: int | None
    ticket: Ticket


def _read(files: Iterable[Path]) -> list[_Read]:
    """Return every ticket of some files."""
    return [
        _Read(path, number if len(tickets) > 1 else None, ticket)
        for path in dict.fromkeys(files)
        for tickets in [load_tickets(path)]
        for number, ticket in enumerate(tickets)
    ]


def _is_dense(ticket: Ticket) -> bool:
    return ticket.weights is not None and ticket.mask.kept == ticket.mask.total


def _only(path: Path) -> Ticket:
    """Return the dense network of a file.

    Raises:
        InputError: If it holds something else.
    """
    ticket = Ticket.load(path)
    if not _is_dense(ticket):
        raise InputError(f"{path} is a ticket; --dense takes a network with all its weights")
    return ticket


def _alike(one: Ticket, other: Ticket) -> bool:
    """Whether two tickets answer the same question."""
    return one.image_shape == other.image_shape and one.classes == other.classes


def _grouped(tickets: Sequence[_Read]) -> list[dict[str, Ticket]]:
    """Return the tickets of each random network by short names, in the order they came."""
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
    """Return a name for each set, by what its network is; numbered where two are alike."""
    plain = [_name(ticket) for ticket in firsts]
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
    """Test images for tickets, each data set read once.

    Args:
        name: Of the data that was asked for, if any.
    """

    def __init__(self, name: str | None) -> None:
        self._name, self._read, self._used = name, dict[DataRecipe, Data](), False
        self._why = ""

    def of(self, ticket: Ticket) -> Data | None:
        """Return data that a ticket can be tried on; none if there is none at hand."""
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
        """Refuse data that was asked for and fits no ticket.

        Raises:
            InputError: If so.
        """
        if self._name is not None and not self._used:
            raise InputError(self._why)
