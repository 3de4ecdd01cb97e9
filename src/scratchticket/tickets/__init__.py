"""Tickets: a random network's seed and a mask, in a file of kilobytes that proves itself."""

from scratchticket.tickets.draw import Finished, draw, train
from scratchticket.tickets.ticket import Ticket

__all__ = ["Finished", "Ticket", "draw", "train"]
