"""Where a step stands in its run."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Moment:
    """One step of a run.

    Attributes:
        step: Counted from 0 over the whole run.
        steps: Of the whole run.
        steps_per_epoch: Of an epoch.
        learning_rate: Of this step.
    """

    step: int
    steps: int
    steps_per_epoch: int
    learning_rate: float

    def reached(self, part: Fraction) -> bool:
        """Whether this part of the run, from 0 to 1, lies behind: exact."""
        return self.step >= part * self.steps
