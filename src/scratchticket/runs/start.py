"""Recipes that start from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from scratchticket.base.errors import InputError
from scratchticket.runs.recipe import BesideRecipe, Recipe, StartRecipe, make_recipe
from scratchticket.tickets import Start, Ticket, load_tickets

NEW_INIT = "kaiming_normal"  # init of new weights, as in the released code


def make_recipe_from_file(overrides: Mapping[str, Any]) -> Recipe:
    """Return a recipe whose network is taken from ``start.file`` or ``beside.files``.

    Args:
        overrides: As for :func:`make_recipe`. With ``start.file``, settings of the network may be
            left out, and otherwise must agree with the file, except for the init of new weights.
            With ``beside.files``, network and seed may be left out.

    Raises:
        InputError: If a setting is invalid, or the file is missing or has another network.
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
                raise InputError(
                    f"{recipe.start.file} has network.{name}={there}, not {value}; leave this "
                    "setting out"
                )
    return make_recipe({**overrides, **taken, "start.sha256": content_hash(ticket)})


def _with_beside(overrides: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return settings completed with hash, network and seed of the tickets in ``beside.files``."""
    files = overrides.get("beside.files")
    if not files:
        return overrides
    tickets = load_beside(BesideRecipe(tuple(files)))
    taken = {}
    if "start.file" not in overrides:  # that file decides the network
        taken = _settings(tickets[0]) | {"seed": tickets[0].seed}
    return {**taken, **overrides, "beside.sha256": [content_hash(ticket) for ticket in tickets]}


def load_beside(beside: BesideRecipe) -> tuple[Ticket, ...]:
    """Return the further tickets of the inner attack.

    Raises:
        InputError: If the content of a file has changed since the recipe was made.
    """
    tickets = tuple(ticket for file in beside.files for ticket in load_tickets(file))
    if beside.sha256 and tuple(map(content_hash, tickets)) != beside.sha256:
        raise InputError(f"{', '.join(beside.files)}: the content has changed since the run began")
    return tickets


def _settings(ticket: Ticket) -> dict[str, Any]:
    """Return the settings of a ticket's network, by dotted path."""
    own = asdict(ticket.network)
    arguments = own.pop("arguments")
    settings = {f"network.{name}": value for name, value in own.items() if value is not None}
    return settings | {f"network.arguments.{name}": value for name, value in arguments.items()}


def content_hash(ticket: Ticket) -> str:
    """Return the hexadecimal SHA-256 of a file that holds only this ticket."""
    return sha256(ticket.to_bytes()).hexdigest()


def load_start(start: StartRecipe) -> Start | None:
    """Return the start of a recipe; None for a random network.

    Raises:
        InputError: If the content of the file has changed since the recipe was made.
    """
    if start.file is None:
        return None
    ticket = Ticket.load(start.file, start.index)
    if start.sha256 not in (None, content_hash(ticket)):
        raise InputError(f"{start.file} has changed since the run began")
    return Start(ticket, start.weights)
