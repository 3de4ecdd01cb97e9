"""Tickets: a random network's seed and a mask, in a file of kilobytes that proves itself."""

from scratchticket.tickets.draw import Finished, draw, train
from scratchticket.tickets.ticket import (
    Ticket,
    check_one_network,
    load_tickets,
    save_tickets,
)

__all__ = [
    "Finished",
    "Ticket",
    "check_one_network",
    "draw",
    "load_tickets",
    "save_tickets",
    "train",
]
