"""Tickets given to others: a folder or a repository on the Hugging Face Hub, with a model card."""

from scratchticket.sharing.card import model_card
from scratchticket.sharing.hub import pull, push

__all__ = ["model_card", "pull", "push"]
