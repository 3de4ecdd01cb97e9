"""Sharing tickets: a folder or a Hugging Face Hub repository, with a model card."""

from scratchticket.sharing.card import model_card
from scratchticket.sharing.hub import pull, push

__all__ = ["model_card", "pull", "push"]
