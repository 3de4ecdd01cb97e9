"""The methods of attack on a set of networks, with their settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, get_args

from torch import Tensor

from scratchticket.attacks.apgd import apgd
from scratchticket.attacks.arc import arc
from scratchticket.attacks.gradient import Keep, pgd
from scratchticket.attacks.method import Result, Settings, Stepping, Target
from scratchticket.attacks.methods import PGD, again
from scratchticket.attacks.sets import SetLoss, Together, chances, expected_error, set_loss
from scratchticket.attacks.square import square_on_set
from scratchticket.base.errors import InputError, unknown

SET_LOSSES: tuple[SetLoss, ...] = get_args(SetLoss)


@dataclass(frozen=True)
class SetPGD(PGD):
    """PGD on a set; see :func:`set_loss` and :func:`scratchticket.attacks.pgd`.

    Attributes:
        loss: Of all networks.
        keep: The ``worst`` iterate by expected accuracy, or the ``last`` as in the paper.
        samples: Of ``eot``: networks drawn per step; all, exactly, if None.
        probabilities: Of the networks; equal if None.
    """

    loss: str = "eot"
    keep: Keep = "worst"
    samples: int | None = None
    probabilities: tuple[float, ...] | None = None
    losses: ClassVar[Sequence[str]] = SET_LOSSES

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples is not None and self.loss != "eot":
            raise InputError("only the loss eot can be sampled")

    @property
    def unused(self) -> tuple[str, ...]:
        """The probabilities: they are the set's that is attacked."""
        return ("probabilities",)

    @property
    def name(self) -> str:
        """What it is called."""
        drawn = "" if self.samples is None else f"-of-{self.samples}"
        return f"{self.loss}{drawn}-pgd"

    def __call__(self, target: Target) -> Result:
        known = known_chances(self.probabilities, target)
        loss = set_loss(
            self.loss,  # type: ignore[arg-type]
            known,
            samples=self.samples,
            generator=target.generator,
        )
        return Result(
            pgd(*target[:4], loss=loss, error=expected_error(known), **self.search(target))
        )


@dataclass(frozen=True)
class SetAPGD(Settings):
    """Auto-PGD on a set; see :func:`set_loss` and :func:`scratchticket.attacks.apgd`."""

    steps: int = 100
    loss: SetLoss = "eot"
    restarts: int = 1
    probabilities: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in SET_LOSSES:
            raise unknown("loss", self.loss, SET_LOSSES)

    @property
    def unused(self) -> tuple[str, ...]:
        """The probabilities: they are the set's that is attacked."""
        return ("probabilities",)

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.loss}-apgd"

    def __call__(self, target: Target) -> Result:
        known = known_chances(self.probabilities, target)
        return Result(
            apgd(
                *target[:4],
                steps=self.steps,
                loss=set_loss(self.loss, known),
                restarts=self.restarts,
                keep="worst",
                error=expected_error(known),
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.steps}{again(self.restarts)}"


@dataclass(frozen=True)
class ARC(Stepping):
    """ARC; see :func:`scratchticket.attacks.arc`.

    Attributes:
        steps: Local perturbations.
        step_size: Their length.
        classes: Wrong classes looked at.
        restarts: Searches; those after the first begin at random points.
        probabilities: Of the networks; equal if None.
    """

    classes: int = 3
    restarts: int = 1
    probabilities: tuple[float, ...] | None = None

    @property
    def unused(self) -> tuple[str, ...]:
        """The probabilities: they are the set's that is attacked."""
        return ("probabilities",)

    @property
    def name(self) -> str:
        """What it is called."""
        return "arc"

    def __call__(self, target: Target) -> Result:
        return Result(
            arc(
                together(target).networks,
                *target[1:4],
                probabilities=known_chances(self.probabilities, target),
                step_size=self.length,
                steps=self.steps,
                classes=self.classes,
                restarts=self.restarts,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.steps} by {self.step_size}{again(self.restarts)}"


@dataclass(frozen=True)
class SetSquare(Settings):
    """Square on a set; see :func:`scratchticket.attacks.square.square_on_set`."""

    queries: int = 5000
    probabilities: tuple[float, ...] | None = None
    black_box: ClassVar[bool] = True

    @property
    def unused(self) -> tuple[str, ...]:
        """The probabilities: they are the set's that is attacked."""
        return ("probabilities",)

    @property
    def name(self) -> str:
        """What it is called."""
        return "expected-square"

    def __call__(self, target: Target) -> Result:
        return Result(
            square_on_set(
                together(target),
                *target[1:4],
                probabilities=known_chances(self.probabilities, target),
                queries=self.queries,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.queries}"


def together(target: Target) -> Together:
    """Return a target's networks.

    Raises:
        InputError: If it is a single one.
    """
    if not isinstance(target.network, Together):
        raise InputError("an attack on a set needs Together([...]), got a single network")
    return target.network


def known_chances(probabilities: Sequence[float] | None, target: Target) -> Tensor:
    """Return the probabilities of a target's networks, where its images are."""
    known = chances(probabilities, len(together(target).networks))
    return known.to(target.images.device)
