"""A web page to try tickets: an image, an attack step by step, and every network's answer."""

from scratchticket.page.pictures import MAX_BYTES, MAX_SIDE, picture
from scratchticket.page.sets import TicketSet, load_sets
from scratchticket.page.show import Attacked, preview, shown
from scratchticket.page.trial import SWITCH, Question, Trial, attacks, try_attack

__all__ = [
    "MAX_BYTES",
    "MAX_SIDE",
    "SWITCH",
    "Attacked",
    "Question",
    "TicketSet",
    "Trial",
    "load_sets",
    "picture",
    "preview",
    "shown",
    "attacks",
    "try_attack",
]
