"""The position of a step in its run."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Moment:
    """The position of a step in its run, and its learning rate.

    Attributes:
        step: Number of the step, from 0 over the whole run.
        steps: Number of steps of the whole run.
        steps_per_epoch: Number of steps of an epoch.
        learning_rate: Learning rate of this step.
    """

    step: int
    steps: int
    steps_per_epoch: int
    learning_rate: float

    def reached(self, part: Fraction) -> bool:
        """Return whether this fraction of the run is done; exact arithmetic."""
        return self.step >= part * self.steps
