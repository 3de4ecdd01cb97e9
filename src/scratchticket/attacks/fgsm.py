"""One step along the gradient: FGSM, FGSM-RS and N-FGSM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scratchticket.attacks.balls import LinfBall, Norm
from scratchticket.attacks.method import Result, Settings, Target
from scratchticket.attacks.pgd import pgd

STEP_FROM_RANDOM = 1.25  # of FGSM-RS, in epsilons
NOISE = 2  # of N-FGSM, in epsilons


@dataclass(frozen=True)
class FGSM(Settings):
    """One step (Goodfellow et al., 2015; with a random start, Wong et al., 2020).

    Attributes:
        random_start: Whether to start at a random point and go 1.25 epsilon; else it is epsilon,
            from the image itself.
        loss: As of :class:`PGD`.
    """

    random_start: bool = False
    loss: str = "ce"

    @property
    def name(self) -> str:
        """What it is called."""
        kind = "fgsm-rs" if self.random_start else "fgsm"
        return kind if self.loss == "ce" else f"{self.loss}-{kind}"

    def __call__(self, target: Target) -> Result:
        ball, length = target.ball, STEP_FROM_RANDOM if self.random_start else 1.0
        return Result(
            pgd(
                *target[:4],
                step_size=length * ball.epsilon,
                steps=1,
                loss=target.loss(self.loss),
                start=target.random_start(ball) if self.random_start else None,
            )
        )

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class NoiseFGSM(Settings):
    """One step from noise around the ball: N-FGSM (de Jorge et al., 2022, arXiv:2202.01181).

    The noise is uniform within 2 epsilon of the image, the step is of epsilon, and the result is
    moved into the pixel range alone, so that the images are for learning only.

    Attributes:
        loss: As of :class:`PGD`.
    """

    loss: str = "ce"
    judges: ClassVar[bool] = False
    norms: ClassVar[tuple[Norm, ...]] = ("linf",)

    @property
    def name(self) -> str:
        """What it is called."""
        return "n-fgsm" if self.loss == "ce" else f"{self.loss}-n-fgsm"

    def __call__(self, target: Target) -> Result:
        epsilon = target.ball.epsilon
        return Result(
            pgd(
                *target[:3],
                LinfBall((1 + NOISE) * epsilon),
                step_size=epsilon,
                steps=1,
                loss=target.loss(self.loss),
                start=target.random_start(LinfBall(NOISE * epsilon)),
            )
        )

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Nothing(Settings):
    """The images as they are."""

    @property
    def name(self) -> str:
        """What it is called."""
        return "none"

    @property
    def gradients(self) -> int:
        """None."""
        return 0

    def __call__(self, target: Target) -> Result:
        return Result(target.images)

    def __str__(self) -> str:
        return self.name
