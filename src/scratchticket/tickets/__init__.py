"""Tickets: a random network's seed and a mask, in a file of kilobytes that proves itself."""

from scratchticket.tickets.draw import Finished, InitialScores, Task, draw, train
from scratchticket.tickets.start import Start
from scratchticket.tickets.ticket import (
    Ticket,
    check_one_network,
    load_tickets,
    save_tickets,
    tickets_to_bytes,
)

__all__ = [
    "Finished",
    "InitialScores",
    "Start",
    "Task",
    "Ticket",
    "check_one_network",
    "draw",
    "load_tickets",
    "save_tickets",
    "tickets_to_bytes",
    "train",
]
