"""Tickets: a random network's seed and a mask, in a small, self-verifying file."""

from scratchticket.tickets.draw import Finished, InitialScores, Job, Task, drawing, training
from scratchticket.tickets.identity import check_one_network
from scratchticket.tickets.start import Start
from scratchticket.tickets.ticket import (
    Ticket,
    load_tickets,
    save_tickets,
    tickets_to_bytes,
)

__all__ = [
    "Finished",
    "InitialScores",
    "Job",
    "Start",
    "Task",
    "Ticket",
    "check_one_network",
    "drawing",
    "load_tickets",
    "save_tickets",
    "tickets_to_bytes",
    "training",
]
