"""One image, with every network under an attack on itself."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace

import torch
from torch import Tensor

from scratchticket.data import pixels
from scratchticket.page.sets import TicketSet
from scratchticket.page.trial import Question, Trial, try_attack

EACH = "each network itself"  # a source besides those of a trial


def try_each(
    chosen: TicketSet,
    image: Tensor,
    question: Question,
    *,
    label: int | None = None,
    seed: int = 0,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[Trial, dict[str, Tensor]]:
    """Attack an image once for every network, and evaluate that network after each step.

    Args:
        chosen: Set of tickets and dense networks.
        image: uint8, ``(channel, height, width)``.
        question: The attack and the tickets; its source is ignored.
        label: The true class; if not given, each attack leads away from its network's prediction on
            the clean image.
        seed: Seed of each attack's random draws.
        stopped: See :func:`try_attack`.

    Returns:
        The trial, in which each network answers on its own images; and these images by network,
            ``(position, channel, height, width)``. The trial's images and draws are those of the
            attack on the first ticket.

    Raises:
        InputError: See :func:`try_attack`.
    """
    tickets = question.tickets
    chosen.switch(tickets)
    clean = pixels(image[None]).to(chosen.device)
    own: dict[str, Trial] = {}
    for name in (*tickets, *chosen.dense):
        asked = aimed(question, name, (name if name in tickets else tickets[0],))
        truth = label
        if truth is None and tuple(image.shape) == chosen.shape:
            dense = chosen.dense_networks()
            network = dense[name] if name in dense else chosen.switch((name,)).networks[0]
            with torch.no_grad():
                truth = int(network(clean).argmax())
        own[name] = try_attack(chosen, image, asked, label=truth, seed=seed, stopped=stopped)
    first = own[tickets[0]]
    trial = replace(
        first,
        question=aimed(question, EACH, tickets),
        known=label is not None,
        probabilities=torch.cat([own[name].probabilities for name in tickets], dim=1),
        dense={name: own[name].dense[name] for name in chosen.dense},
    )
    return trial, {name: one.images for name, one in own.items()}


def aimed(question: Question, source: str, tickets: tuple[str, ...] = ()) -> Question:
    """Return a question with the same attack on another source, and other tickets if given."""
    other = copy(question)
    object.__setattr__(other, "source", source)
    object.__setattr__(other, "tickets", tickets or question.tickets)
    return other
