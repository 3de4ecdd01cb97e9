"""Attacks on each network separately, from the same image."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace

import torch
from torch import Tensor

from scratchticket.data import pixels
from scratchticket.page.sets import TicketSet
from scratchticket.page.trial import AttackRequest, Trial, try_attack

EACH = "each network itself"  # a request's source that only `try_each` handles


def try_each(
    ticket_set: TicketSet,
    image: Tensor,
    request: AttackRequest,
    *,
    label: int | None = None,
    seed: int = 0,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[Trial, dict[str, Tensor]]:
    """Attack each network separately, and evaluate it after each step of its own attack.

    Args:
        ticket_set: Set of tickets and dense networks.
        image: uint8, ``(channel, height, width)``.
        request: The attack and the tickets; the source is ignored.
        label: The true class; if not given, each attack uses its network's prediction on the clean
            image.
        seed: Seed of each attack's random draws.
        stopped: See :func:`try_attack`.

    Returns:
        The trial, with each network's predictions on its own attacked images; and these images by
        network, ``(position, channel, height, width)``. The trial's images and draws are those of
        the attack on the first ticket.

    Raises:
        InputError: See :func:`try_attack`.
    """
    tickets = request.tickets
    ticket_set.switch(tickets)
    clean = pixels(image[None]).to(ticket_set.device)
    own: dict[str, Trial] = {}
    for name in (*tickets, *ticket_set.dense):
        own_request = with_source(request, name, (name if name in tickets else tickets[0],))
        truth = label
        if truth is None and tuple(image.shape) == ticket_set.shape:
            dense = ticket_set.dense_networks()
            network = dense[name] if name in dense else ticket_set.switch((name,)).networks[0]
            with torch.no_grad():
                truth = int(network(clean).argmax())
        own[name] = try_attack(
            ticket_set, image, own_request, label=truth, seed=seed, stopped=stopped
        )
    first = own[tickets[0]]
    trial = replace(
        first,
        request=with_source(request, EACH, tickets),
        known=label is not None,
        probabilities=torch.cat([own[name].probabilities for name in tickets], dim=1),
        dense={name: own[name].dense[name] for name in ticket_set.dense},
    )
    return trial, {name: one.images for name, one in own.items()}


def with_source(
    request: AttackRequest, source: str, tickets: tuple[str, ...] = ()
) -> AttackRequest:
    """Return a request with another source, and other tickets if given."""
    other = copy(request)
    object.__setattr__(other, "source", source)
    object.__setattr__(other, "tickets", tickets or request.tickets)
    return other
