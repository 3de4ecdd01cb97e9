"""What attacks did to a network."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from scratchticket.attacks import Attack
from scratchticket.base.accuracy import Accuracy


@dataclass(frozen=True)
class Outcome:
    """What one attack did to all images.

    Attributes:
        attack: Which it is.
        fooled: Images the network got right and then wrong: bool, ``(n,)``.
        tried: Images the attack was tried on, bool: those the network gets right, but for those
            that an attack before it has fooled.
        distance: How far the images that fool are from the originals, in the attack's norm;
            infinity where none was found: ``(n,)``.
        queries: Spent on each image; none if the attack does not count them.
        forwards: Images that went through the network, gradients included.
        seconds: Wall-clock time.
        said: Warnings of the attack's own code.
    """

    attack: Attack
    fooled: Tensor
    tried: Tensor
    distance: Tensor
    queries: Tensor | None
    forwards: int
    seconds: float
    said: tuple[str, ...]


@dataclass(frozen=True)
class Evaluated:
    """A network under attack.

    Attributes:
        right: Images it gets right as they are: bool, ``(n,)``.
        outcomes: Of every attack, in the order of the suite.
        gradients: Images with a vanishing or non-finite gradient, by loss and fault; of the images
            it gets right. None if not looked at.
        flags: What AutoAttack's checks say; none if they were not asked.
    """

    right: Tensor
    outcomes: tuple[Outcome, ...]
    gradients: dict[str, int] | None = None
    flags: tuple[str, ...] | None = None

    @property
    def natural(self) -> Accuracy:
        """Accuracy on the images as they are."""
        return Accuracy(int(self.right.sum()), len(self.right))

    def robust(self, outcome: Outcome) -> Accuracy:
        """Accuracy under one attack."""
        return Accuracy(int((self.right & ~outcome.fooled).sum()), len(self.right))
