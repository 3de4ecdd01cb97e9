"""Results of attacks on a network."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from scratchticket.attacks import Attack
from scratchticket.base.accuracy import Accuracy


@dataclass(frozen=True)
class Outcome:
    """Result of one attack on all images.

    Attributes:
        attack: The attack.
        fooled: Images classified correctly before the attack but not after: bool, ``(n,)``.
        tried: Images the attack was run on: bool, ``(n,)``. These are classified correctly, and not
            fooled by an earlier attack of a sequence.
        distance: Distance of each adversarial image from the original, in the attack's norm;
            infinity where the attack failed: ``(n,)``.
        queries: Queries per image; None if the attack does not count them.
        forwards: Forward passes, each of one image, including those for gradients.
        seconds: Wall-clock time.
        warnings: Warnings of the attack's own code.
    """

    attack: Attack
    fooled: Tensor
    tried: Tensor
    distance: Tensor
    queries: Tensor | None
    forwards: int
    seconds: float
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class EvaluationResult:
    """Results of all attacks on one network.

    Attributes:
        right: Clean images classified correctly: bool, ``(n,)``.
        outcomes: One for each attack, in the order of the suite.
        gradients: Number of correctly classified images whose gradient vanishes or is not finite,
            by loss and fault; None if not checked.
        flags: Warnings of AutoAttack's checks; None if not run.
    """

    right: Tensor
    outcomes: tuple[Outcome, ...]
    gradients: dict[str, int] | None = None
    flags: tuple[str, ...] | None = None

    @property
    def natural(self) -> Accuracy:
        """Natural accuracy."""
        return Accuracy(int(self.right.sum()), len(self.right))

    def robust(self, outcome: Outcome) -> Accuracy:
        """Robust accuracy under one attack."""
        return Accuracy(int((self.right & ~outcome.fooled).sum()), len(self.right))
