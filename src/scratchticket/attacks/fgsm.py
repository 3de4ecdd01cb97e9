"""One-step attacks: FGSM, FGSM-RS and N-FGSM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scratchticket.attacks.balls import LinfBall, Norm
from scratchticket.attacks.method import Result, Settings, Target
from scratchticket.attacks.pgd import pgd

STEP_FROM_RANDOM = 1.25  # step size of FGSM-RS, in epsilons
NOISE = 2  # radius of N-FGSM's noise, in epsilons


@dataclass(frozen=True)
class FGSM(Settings):
    """FGSM (Goodfellow et al., 2015) or, with a random start, FGSM-RS (Wong et al., 2020).

    Attributes:
        random_start: Whether to step 1.25 epsilon from a random start instead of epsilon from the
            image.
        loss: As for :class:`PGD`.
    """

    random_start: bool = False
    loss: str = "ce"

    @property
    def name(self) -> str:
        """Name in titles and records."""
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
    """N-FGSM: FGSM from noise larger than the ball (de Jorge et al., 2022, arXiv:2202.01181).

    The noise is uniform within 2 epsilon of the image, the step size is epsilon, and the result is
    clipped to the pixel range but not projected onto the ball: it can only be an inner attack.

    Attributes:
        loss: As for :class:`PGD`.
    """

    loss: str = "ce"
    for_evaluation: ClassVar[bool] = False
    norms: ClassVar[tuple[Norm, ...]] = ("linf",)

    @property
    def name(self) -> str:
        """Name in titles and records."""
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
    """No attack: the images unchanged."""

    @property
    def name(self) -> str:
        """Name in titles and records."""
        return "none"

    @property
    def gradients(self) -> int:
        """Zero: no gradient is computed."""
        return 0

    def __call__(self, target: Target) -> Result:
        return Result(target.images)

    def __str__(self) -> str:
        return self.name
