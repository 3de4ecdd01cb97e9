"""The methods of attack, with their settings; what they do is told where the functions are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

from scratchticket.attacks import autoattack
from scratchticket.attacks.apgd import apgd, targeted_apgd
from scratchticket.attacks.bandits import bandits
from scratchticket.attacks.cw import carlini_wagner
from scratchticket.attacks.gradient import Ending, pgd
from scratchticket.attacks.losses import LOSSES
from scratchticket.attacks.method import Result, Settings, Target
from scratchticket.attacks.noise import noise
from scratchticket.attacks.recipe import Norm, default_step_size
from scratchticket.errors import InputError, unknown
from scratchticket.quantities import fraction, fraction_text


@dataclass(frozen=True)
class Noise(Settings):
    """Random points of the ball; see :func:`scratchticket.attacks.noise`."""

    draws: int = 20
    black_box: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """What it is called."""
        return "noise"

    def __call__(self, target: Target) -> Result:
        return Result(noise(*target[:4], draws=self.draws, generator=target.generator))

    def __str__(self) -> str:
        return f"{self.name}-{self.draws}"


@dataclass(frozen=True)
class PGD(Settings):
    """Projected gradient descent; see :func:`scratchticket.attacks.pgd`.

    Attributes:
        steps: Gradient evaluations.
        step_size: As text, in the unit of the pixels; if not given, 2/255 at l-inf 8/255 and
            2.5 epsilon / steps anywhere else.
        loss: ``ce``, ``margin`` (then tables call it CW-Inf), ``dlr``, or ``scaled-ce``.
        restarts: Random starts; images that are fooled are not tried again.
        random_start: Whether the first search begins at a random point, too.
        keep: ``first`` image that fools, which ends the search of its image; or the ``best``.
    """

    steps: int = 20
    step_size: str | float | None = None
    loss: str = "ce"
    restarts: int = 1
    random_start: bool = True
    keep: Ending = "first"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in LOSSES:
            raise unknown("loss", self.loss, LOSSES)
        if self.restarts > 1 and not self.random_start:
            raise InputError("restarts without random starts would all be the same")
        if self.step_size is not None:
            step = fraction(self.step_size, "step size")
            if step <= 0:
                raise InputError(f"step size must be above 0, got {self.step_size}")
            object.__setattr__(self, "step_size", fraction_text(step))

    def exact(self, epsilon: Fraction, norm: Norm) -> PGD:
        """Return the attack with its step size filled in."""
        if self.step_size is not None:
            return self
        step = default_step_size(epsilon, self.steps, norm) or 1  # in a ball of 0 any will do
        return replace(self, step_size=str(step))

    @property
    def name(self) -> str:
        """What it is called."""
        return "pgd" if self.loss == "ce" else f"{self.loss}-pgd"

    def __call__(self, target: Target) -> Result:
        if self.step_size is None:
            raise InputError("pgd has no step size before it has a ball")
        return Result(
            pgd(
                *target[:4],
                step_size=float(Fraction(self.step_size)),
                steps=self.steps,
                loss=LOSSES[self.loss],
                generator=target.generator if self.random_start else None,
                restarts=self.restarts,
                keep=self.keep,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.steps}{_again(self.restarts)}"


@dataclass(frozen=True)
class FGSM(Settings):
    """One step (Goodfellow et al., 2015; with a random start, Wong et al., 2020).

    Attributes:
        random_start: Whether to start at a random point and go 1.25 epsilon; else it is epsilon,
            from the image itself.
    """

    random_start: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return "fgsm-rs" if self.random_start else "fgsm"

    def __call__(self, target: Target) -> Result:
        length = 1.25 if self.random_start else 1.0
        return Result(
            pgd(
                *target[:4],
                step_size=length * target.ball.epsilon,
                steps=1,
                generator=target.generator if self.random_start else None,
            )
        )

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class APGD(Settings):
    """Auto-PGD; see :func:`scratchticket.attacks.apgd`.

    Attributes:
        steps: Gradient evaluations.
        loss: As of :class:`PGD`.
        restarts: Random starts.
        keep: As of :class:`PGD`.
    """

    steps: int = 100
    loss: str = "ce"
    restarts: int = 1
    keep: Ending = "first"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in LOSSES:
            raise unknown("loss", self.loss, LOSSES)

    @property
    def name(self) -> str:
        """What it is called."""
        return f"apgd-{self.loss}"

    def __call__(self, target: Target) -> Result:
        loss, restarts = LOSSES[self.loss], self.restarts
        return Result(
            apgd(
                *target[:4],
                steps=self.steps,
                loss=loss,
                restarts=restarts,
                keep=self.keep,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.steps}{_again(self.restarts)}"


@dataclass(frozen=True)
class TargetedAPGD(Settings):
    """Targeted Auto-PGD; see :func:`scratchticket.attacks.targeted_apgd`.

    Attributes:
        steps: Gradient evaluations per class.
        targets: Classes to aim at.
        keep: As of :class:`PGD`.
    """

    steps: int = 100
    targets: int = 9
    keep: Ending = "first"

    @property
    def name(self) -> str:
        """What it is called."""
        return "apgd-t"

    def __call__(self, target: Target) -> Result:
        return Result(
            targeted_apgd(
                *target[:4],
                steps=self.steps,
                targets=self.targets,
                keep=self.keep,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.steps}"


@dataclass(frozen=True)
class CarliniWagner(Settings):
    """The nearest adversarial image; see :func:`scratchticket.attacks.carlini_wagner`."""

    search_steps: int = 5
    steps: int = 100
    learning_rate: float = 0.1
    constant: float = 1.0
    nearest: ClassVar[bool] = True
    norms: ClassVar[tuple[Norm, ...]] = ("l2",)

    @property
    def name(self) -> str:
        """What it is called."""
        return "cw-l2"

    def __call__(self, target: Target) -> Result:
        return Result(
            carlini_wagner(
                *target[:3],
                search_steps=self.search_steps,
                steps=self.steps,
                learning_rate=self.learning_rate,
                constant=self.constant,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.search_steps}x{self.steps}"


@dataclass(frozen=True)
class Bandits(Settings):
    """Bandits with priors; see :func:`scratchticket.attacks.bandits`."""

    queries: int = 10_000
    tiles: int | None = None
    black_box: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """What it is called."""
        return "bandits"

    def __call__(self, target: Target) -> Result:
        return Result(
            *bandits(
                *target[:4], queries=self.queries, tiles=self.tiles, generator=target.generator
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.queries}"


@dataclass(frozen=True)
class Stage(Settings):
    """One attack of AutoAttack's standard version, by its authors' code.

    Attributes:
        stage: ``apgd-ce``, ``apgd-t``, ``fab-t`` or ``square``.
        steps: As of :func:`scratchticket.attacks.autoattack.stage`.
        queries: Budget of ``square``.
    """

    stage: autoattack.Stage = "square"
    steps: int = 100
    queries: int = 5000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stage not in autoattack.STAGES:
            raise unknown("attack of AutoAttack", self.stage, autoattack.STAGES)

    @property
    def name(self) -> str:
        """What it is called."""
        return "autoattack"

    @property
    def black_box(self) -> bool:  # type: ignore[override]
        """Whether it asks for logits only."""
        return self.stage == "square"

    def __call__(self, target: Target) -> Result:
        return Result(
            autoattack.stage(
                self.stage,
                *target[:4],
                steps=self.steps,
                queries=self.queries,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.stage}-{self.queries if self.black_box else self.steps} of autoattack"


def _again(restarts: int) -> str:
    """Return how a name says that an attack begins anew."""
    return f" x{restarts}" if restarts > 1 else ""
