"""How long and how fast to learn."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, isfinite, pi
from typing import Literal

from scratchticket.errors import InputError, unknown

_CHOICES = {
    "schedule": ("cosine", "milestones", "constant"),
    "batch_norm": ("train", "eval"),
    "statistics": ("recomputed", "running"),
    "select": ("best", "last"),
}


@dataclass(frozen=True)
class LearningRecipe:
    """The outer minimisation: SGD with momentum.

    The paper's CIFAR settings (Appendix B) are 160 epochs, batch 256, learning rate 0.1 with
    ``milestones``, momentum 0.9; its released code adds weight decay 5e-4 on the scores. The
    defaults here are for small data.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images per step; a last, smaller batch is dropped.
        learning_rate: Of the first step.
        schedule: ``cosine`` decays to 0 step by step; ``milestones`` divides by 10 at one half and
            at three quarters of the epochs (80 and 120 of 160); ``constant``.
        momentum: Of SGD, without dampening or Nesterov.
        weight_decay: On whatever is learned: the scores, or the weights.
        batch_norm: Mode of batch norm during the inner attack. ``train``, as the released code
            does: batch statistics, and the running ones move at every attack step; or ``eval``.
        statistics: What a network is judged with and a ticket stores: batch-norm statistics
            ``recomputed`` as an average over training batches (decision 16), or the ``running``
            ones, as the released code does.
        validate_every: Epochs between validations; the last epoch is always validated.
        select: Which epoch becomes the ticket: the ``best`` one under attack on the validation
            images (never the test images), or the ``last``.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 0.1
    schedule: Literal["cosine", "milestones", "constant"] = "cosine"
    momentum: float = 0.9
    weight_decay: float = 5e-4
    batch_norm: Literal["train", "eval"] = "train"
    statistics: Literal["recomputed", "running"] = "recomputed"
    validate_every: int = 1
    select: Literal["best", "last"] = "best"

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise unknown(f"learning.{name}", str(getattr(self, name)), known)
        for name in ("epochs", "batch_size", "validate_every"):
            if getattr(self, name) < 1:
                raise InputError(f"learning.{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "momentum", "weight_decay"):
            if not (isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"learning.{name} must be 0 or more, got {getattr(self, name)}")

    def learning_rate_at(self, step: int, steps_per_epoch: int) -> float:
        """Return the learning rate of a step, counted from 0 over the whole run."""
        if self.schedule == "cosine":
            progress = step / (self.epochs * steps_per_epoch)
            return self.learning_rate * 0.5 * (1 + cos(pi * progress))
        if self.schedule == "milestones":
            epoch = step // steps_per_epoch
            passed = (2 * epoch >= self.epochs) + (4 * epoch >= 3 * self.epochs)
            return self.learning_rate * 0.1**passed
        return self.learning_rate
