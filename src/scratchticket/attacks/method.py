"""What a method of attack is: a frozen dataclass of settings that can be let loose on a target."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import ClassVar, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from scratchticket.attacks.balls import Ball
from scratchticket.attacks.gradient import Network
from scratchticket.attacks.recipe import Norm, default_step_size
from scratchticket.base.errors import InputError
from scratchticket.base.quantities import fraction, fraction_text
from scratchticket.base.typed import check_types


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
        resisted: Which images the method itself takes for not fooled, bool, where it says so. It is
            not believed; of a network that answers at random it is another number than the truth.
    """

    images: Tensor
    queries: Tensor | None = None
    resisted: Tensor | None = None


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

    @property
    def name(self) -> str:
        """What it is called, without numbers: ``pgd``."""

    def __str__(self) -> str:
        """Return its name with the settings that matter most: ``pgd-20``."""

    def exact(self, epsilon: Fraction, norm: Norm) -> Method:
        """Return the same method with the defaults that depend on the ball filled in."""


@dataclass(frozen=True)
class Settings:
    """What the methods have in common.

    Raises:
        InputError: If a setting is of another type, or is a number that is not above 0.
    """

    black_box: ClassVar[bool] = False
    nearest: ClassVar[bool] = False
    norms: ClassVar[tuple[Norm, ...]] = ("linf", "l2")

    @property
    def unused(self) -> tuple[str, ...]:
        """Settings that change nothing here, or say whom the method attacks: no title has them."""
        return ()

    def __post_init__(self) -> None:
        check_types(self)
        for setting in fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, int | float) and not isinstance(value, bool) and not value > 0:
                raise InputError(f"{setting.name} must be above 0, got {value}")

    def exact(self, epsilon: Fraction, norm: Norm) -> Self:
        """Return the method itself: nothing here depends on the ball."""
        return self


@dataclass(frozen=True)
class Stepping(Settings):
    """A method that goes a number of steps of one length.

    Attributes:
        steps: Gradient evaluations, or what else the method counts.
        step_size: Length of a step as text, in the unit of the pixels; if not given, 2/255 at l-inf
            8/255 and 2.5 epsilon / steps anywhere else.
    """

    steps: int = 20
    step_size: str | float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step_size is not None:
            step = fraction(self.step_size, "step size")
            if step <= 0:
                raise InputError(f"step size must be above 0, got {self.step_size}")
            object.__setattr__(self, "step_size", fraction_text(step))

    def exact(self, epsilon: Fraction, norm: Norm) -> Self:
        """Return the method with its step size filled in."""
        if self.step_size is not None:
            return self
        step = default_step_size(epsilon, self.steps, norm) or 1  # in a ball of 0 any will do
        return replace(self, step_size=str(step))

    @property
    def length(self) -> float:
        """Length of a step.

        Raises:
            InputError: If it is not known yet.
        """
        if self.step_size is None:
            raise InputError("a method has no step size before it has a ball")
        return float(Fraction(self.step_size))
