"""Recipes that go on from a file: what they take over from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from scratchticket.base.errors import InputError
from scratchticket.runs.recipe import BesideRecipe, Recipe, StartRecipe, make_recipe
from scratchticket.tickets import Start, Ticket, load_tickets

NEW_INIT = "kaiming_normal"  # of weights that are made anew, as the released code does


def make_recipe_from_file(overrides: Mapping[str, Any]) -> Recipe:
    """Return a recipe whose network is that of the file it starts from, or is drawn beside.

    Args:
        overrides: As for :func:`make_recipe`; with ``start.file``, the network's settings may be
            left out, and all but the init of new weights must not differ from the file's; with
            ``beside.files`` network and seed may be left out.

    Raises:
        InputError: If a setting is wrong, or the file none or of another network.
        TicketError: If the file is damaged.
    """
    overrides = _with_beside(overrides)
    own = {p: v for p, v in overrides.items() if p.startswith("network.")}
    recipe = make_recipe({p: v for p, v in overrides.items() if p not in own})
    if recipe.start.file is None:
        return make_recipe(overrides)
    ticket = Ticket.load(recipe.start.file, recipe.start.index)
    taken = _settings(ticket)
    if recipe.start.weights == "new":
        taken["network.init"] = own.get("network.init", NEW_INIT)
    wanted = make_recipe(taken).network
    if (asked := make_recipe(taken | own).network) != wanted:
        for name, value in asdict(asked).items():
            if value != (there := getattr(wanted, name)):
                raise InputError(f"{recipe.start.file} has network.{name}={there}, not {value}")
    return make_recipe({**overrides, **taken, "start.sha256": content_hash(ticket)})


def _with_beside(overrides: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say of the tickets beside what they are; take their network and seed if none are given."""
    files = overrides.get("beside.files")
    if not files:
        return overrides
    tickets = load_beside(BesideRecipe(tuple(files)))
    taken = {}
    if "start.file" not in overrides:  # whose network would count
        taken = _settings(tickets[0]) | {"seed": tickets[0].seed}
    return {**taken, **overrides, "beside.sha256": [content_hash(ticket) for ticket in tickets]}


def load_beside(beside: BesideRecipe) -> tuple[Ticket, ...]:
    """Load the tickets that the inner attack is made on too.

    Raises:
        InputError: If a file holds something else than when the recipe was made.
    """
    tickets = tuple(ticket for file in beside.files for ticket in load_tickets(file))
    if beside.sha256 and tuple(map(content_hash, tickets)) != beside.sha256:
        raise InputError(f"{', '.join(beside.files)}: not the tickets this run began beside")
    return tickets


def _settings(ticket: Ticket) -> dict[str, Any]:
    """Return a ticket's network as settings."""
    own = asdict(ticket.network)
    arguments = own.pop("arguments")
    settings = {f"network.{name}": value for name, value in own.items() if value is not None}
    return settings | {f"network.arguments.{name}": value for name, value in arguments.items()}


def content_hash(ticket: Ticket) -> str:
    """Return the SHA-256 of the file that holds this ticket alone, in hexadecimal."""
    return sha256(ticket.to_bytes()).hexdigest()


def load_start(start: StartRecipe) -> Start | None:
    """Load what a recipe starts from; none if that is the random network.

    Raises:
        InputError: If the file holds something else than when the recipe was made.
    """
    if start.file is None:
        return None
    ticket = Ticket.load(start.file, start.index)
    if start.sha256 not in (None, content_hash(ticket)):
        raise InputError(f"{start.file} is not the file this run began with")
    return Start(ticket, start.weights)
