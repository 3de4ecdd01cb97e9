"""A web page that attacks an image step by step and shows every network's prediction."""

from scratchticket.page.pictures import MAX_BYTES, MAX_SIDE, picture
from scratchticket.page.sets import TicketSet, load_sets
from scratchticket.page.show import AttackResult, answers_html, preview_html
from scratchticket.page.trial import SWITCH, AttackRequest, Trial, attacks, try_attack

__all__ = [
    "MAX_BYTES",
    "MAX_SIDE",
    "SWITCH",
    "AttackResult",
    "AttackRequest",
    "TicketSet",
    "Trial",
    "load_sets",
    "picture",
    "answers_html",
    "preview_html",
    "attacks",
    "try_attack",
]
