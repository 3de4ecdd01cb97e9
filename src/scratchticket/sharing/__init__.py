"""Share tickets with a model card, in a folder or a Hugging Face Hub repository."""

from scratchticket.sharing.card import model_card
from scratchticket.sharing.hub import pull, push

__all__ = ["model_card", "pull", "push"]
