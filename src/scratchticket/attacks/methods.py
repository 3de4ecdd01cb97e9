"""Attacks by name and settings: what suites are made of and what records tell.

A *method* says how to search; an :class:`Attack` is a method and a ball to search in.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from math import inf
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from scratchticket.attacks import autoattack
from scratchticket.attacks.apgd import apgd, targeted_apgd
from scratchticket.attacks.balls import Ball, L2Ball, LinfBall
from scratchticket.attacks.bandits import bandits
from scratchticket.attacks.cw import carlini_wagner
from scratchticket.attacks.gradient import Network, pgd
from scratchticket.attacks.losses import LOSSES
from scratchticket.attacks.noise import noise
from scratchticket.attacks.recipe import (
    LARGEST,
    AttackRecipe,
    Norm,
    ball_of,
    default_step_size,
    exact_epsilon,
)
from scratchticket.errors import InputError, unknown
from scratchticket.quantities import fraction, fraction_text


class Target(NamedTuple):
    """What a method is let loose on.

    Attributes:
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Where adversarial images may lie; methods that look for the nearest one ignore it.
        generator: Of all random draws.
    """

    network: Network
    images: Tensor
    labels: Tensor
    ball: Ball
    generator: torch.Generator


class Result(NamedTuple):
    """What a method found.

    Attributes:
        images: Adversarial images.
        queries: Spent on each image, ``(batch,)``; none of methods that do not count them.
    """

    images: Tensor
    queries: Tensor | None = None


class Method(Protocol):
    """How to search: a frozen dataclass of settings."""

    @property
    def black_box(self) -> bool:
        """Whether it asks for logits only, never for gradients."""

    @property
    def nearest(self) -> bool:
        """Whether it looks for the nearest adversarial image, knowing no epsilon."""

    @property
    def norms(self) -> tuple[Norm, ...]:
        """Of the balls it can search in."""

    def __call__(self, target: Target) -> Result:
        """Search."""

    def __str__(self) -> str:
        """Return its name with the settings that matter most: ``pgd-20``."""

    def exact(self, epsilon: Fraction, norm: Norm) -> Method:
        """Return the same method with the defaults that depend on the ball filled in."""


@dataclass(frozen=True)
class _Settings:
    """What the methods have in common.

    Raises:
        InputError: If a setting that is a number is not above 0.
    """

    black_box: ClassVar[bool] = False
    nearest: ClassVar[bool] = False
    norms: ClassVar[tuple[Norm, ...]] = ("linf", "l2")

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, int | float) and not isinstance(value, bool) and not value > 0:
                raise InputError(f"{setting.name} must be above 0, got {value}")

    def exact(self, epsilon: Fraction, norm: Norm) -> Method:
        """Return the method itself: nothing here depends on the ball."""
        return self  # type: ignore[return-value]


@dataclass(frozen=True)
class Noise(_Settings):
    """Random points of the ball; see :func:`scratchticket.attacks.noise`."""

    draws: int = 20
    black_box: ClassVar[bool] = True

    def __call__(self, target: Target) -> Result:
        return Result(noise(*target[:4], draws=self.draws, generator=target.generator))

    def __str__(self) -> str:
        return f"noise-{self.draws}"


@dataclass(frozen=True)
class PGD(_Settings):
    """Projected gradient descent; see :func:`scratchticket.attacks.pgd`.

    Attributes:
        steps: Gradient evaluations.
        step_size: As text, in the unit of the pixels; if not given, 2/255 at l-inf 8/255 and
            2.5 epsilon / steps anywhere else.
        loss: ``ce``, ``margin`` (then tables call it CW-Inf), ``dlr``, or ``scaled-ce``.
        restarts: Random starts; images that are fooled are not tried again.
        random_start: Whether the first search begins at a random point, too.
    """

    steps: int = 20
    step_size: str | float | None = None
    loss: str = "ce"
    restarts: int = 1
    random_start: bool = True

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
        step = str(default_step_size(epsilon, self.steps, norm))
        return PGD(self.steps, step, self.loss, self.restarts, self.random_start)

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
                keep="first",
            )
        )

    def __str__(self) -> str:
        return _named("pgd", self.loss, self.steps, self.restarts)


@dataclass(frozen=True)
class FGSM(_Settings):
    """One step (Goodfellow et al., 2015; with a random start, Wong et al., 2020).

    Attributes:
        random_start: Whether to start at a random point and go 1.25 epsilon; else it is epsilon,
            from the image itself.
    """

    random_start: bool = False

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
        return "fgsm-rs" if self.random_start else "fgsm"


@dataclass(frozen=True)
class APGD(_Settings):
    """Auto-PGD; see :func:`scratchticket.attacks.apgd`.

    Attributes:
        steps: Gradient evaluations.
        loss: As of :class:`PGD`.
        restarts: Random starts.
    """

    steps: int = 100
    loss: str = "ce"
    restarts: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in LOSSES:
            raise unknown("loss", self.loss, LOSSES)

    def __call__(self, target: Target) -> Result:
        loss, restarts = LOSSES[self.loss], self.restarts
        return Result(
            apgd(
                *target[:4],
                steps=self.steps,
                loss=loss,
                restarts=restarts,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return _named("apgd", self.loss, self.steps, self.restarts)


@dataclass(frozen=True)
class TargetedAPGD(_Settings):
    """Targeted Auto-PGD; see :func:`scratchticket.attacks.targeted_apgd`.

    Attributes:
        steps: Gradient evaluations per class.
        targets: Classes to aim at.
    """

    steps: int = 100
    targets: int = 9

    def __call__(self, target: Target) -> Result:
        return Result(
            targeted_apgd(
                *target[:4], steps=self.steps, targets=self.targets, generator=target.generator
            )
        )

    def __str__(self) -> str:
        return f"apgd-t-{self.steps}"


@dataclass(frozen=True)
class CarliniWagner(_Settings):
    """The nearest adversarial image; see :func:`scratchticket.attacks.carlini_wagner`."""

    search_steps: int = 5
    steps: int = 100
    learning_rate: float = 0.1
    constant: float = 1.0
    nearest: ClassVar[bool] = True
    norms: ClassVar[tuple[Norm, ...]] = ("l2",)

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
        return f"cw-l2-{self.search_steps}x{self.steps}"


@dataclass(frozen=True)
class Bandits(_Settings):
    """Bandits with priors; see :func:`scratchticket.attacks.bandits`."""

    queries: int = 10_000
    tiles: int | None = None
    black_box: ClassVar[bool] = True

    def __call__(self, target: Target) -> Result:
        return Result(
            *bandits(
                *target[:4], queries=self.queries, tiles=self.tiles, generator=target.generator
            )
        )

    def __str__(self) -> str:
        return f"bandits-{self.queries}"


@dataclass(frozen=True)
class Stage(_Settings):
    """One attack of AutoAttack's standard version, by its authors' code.

    Attributes:
        name: ``apgd-ce``, ``apgd-t``, ``fab-t`` or ``square``.
        steps: As of :func:`scratchticket.attacks.autoattack.stage`.
        queries: Budget of ``square``.
    """

    name: autoattack.Stage = "square"
    steps: int = 100
    queries: int = 5000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name not in autoattack.STAGES:
            raise unknown("attack of AutoAttack", self.name, autoattack.STAGES)

    @property
    def black_box(self) -> bool:  # type: ignore[override]
        """Whether it asks for logits only."""
        return self.name == "square"

    def __call__(self, target: Target) -> Result:
        return Result(
            autoattack.stage(
                self.name,
                *target[:4],
                steps=self.steps,
                queries=self.queries,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.queries if self.black_box else self.steps} of autoattack"


def _named(base: str, loss: str, steps: int, restarts: int) -> str:
    """Return the name of a gradient attack."""
    again = f" x{restarts}" if restarts > 1 else ""
    return f"{'' if loss == 'ce' else f'{loss}-'}{base}-{steps}{again}"


@dataclass(frozen=True)
class Attack:
    """A method and where it may search.

    Attributes:
        method: How.
        epsilon: Radius of the ball as text, pixels in [0, 1]: ``8/255``. None, and for methods that
            look for the nearest image alone: any distance.
        norm: ``linf`` or ``l2``.
        after: Attacks that must have failed before this one is tried on an image, by their titles:
            how AutoAttack saves time.

    Raises:
        InputError: If the method cannot search there.

    Example:
        >>> str(Attack(PGD(steps=50, restarts=5), "8/255"))
        'pgd-50 x5, linf, 8/255'
    """

    method: Method
    epsilon: str | None
    norm: Norm = "linf"
    after: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.norm not in LARGEST:
            raise unknown("norm", self.norm, LARGEST)
        if self.norm not in self.method.norms:
            raise InputError(f"{self.method} searches in {self.method.norms[0]} balls only")
        if (self.epsilon is None) != self.method.nearest:
            raise InputError(
                f"{self.method} looks for the nearest image and takes no epsilon"
                if self.method.nearest
                else f"{self.method} needs an epsilon"
            )
        if self.epsilon is not None:
            exact = exact_epsilon(self.epsilon, self.norm)
            object.__setattr__(self, "epsilon", fraction_text(exact))
            object.__setattr__(self, "method", self.method.exact(exact, self.norm))

    @property
    def ball(self) -> Ball:
        """Where adversarial images may lie."""
        if self.epsilon is None:
            return LinfBall(inf) if self.norm == "linf" else L2Ball(inf)
        return ball_of(Fraction(self.epsilon), self.norm)

    def __call__(
        self, network: Network, images: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Result:
        """Search."""
        return self.method(Target(network, images, labels, self.ball, generator))

    def __str__(self) -> str:
        return f"{self.method}, {self.norm}{'' if self.epsilon is None else f', {self.epsilon}'}"

    def facts(self) -> dict[str, Any]:
        """Return what a record says of the attack, as JSON values."""
        return {
            "title": str(self),
            "name": next(name for name, known in METHODS.items() if isinstance(self.method, known)),
            "norm": self.norm,
            "epsilon": self.epsilon,
            "settings": asdict(self.method),  # type: ignore[call-overload]
        }


METHODS: dict[str, type[Method]] = {
    "noise": Noise,
    "fgsm": FGSM,
    "pgd": PGD,
    "apgd": APGD,
    "apgd-t": TargetedAPGD,
    "cw-l2": CarliniWagner,
    "bandits": Bandits,
    "autoattack": Stage,
}


def attack_of(recipe: AttackRecipe) -> Attack:
    """Return what judges under the attack a recipe describes.

    Raises:
        InputError: If that is none.
    """
    if recipe.name == "pgd":
        method: Method = PGD(recipe.steps, recipe.step_size)
    elif recipe.name == "none":
        raise InputError("no attack is no judge")
    else:
        method = FGSM(random_start=recipe.name == "fgsm-rs")
    return Attack(method, str(recipe.epsilon), recipe.norm)
