"""Attack methods: frozen dataclasses of settings, called with a target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import ClassVar, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from scratchticket.attacks.balls import MAX_EPSILON, Ball, Norm
from scratchticket.attacks.gradient import Network
from scratchticket.attacks.losses import LOSSES, Loss
from scratchticket.attacks.sets import NetworkSet, chances, expected, set_loss
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.quantities import LONGEST, fraction, fraction_text
from scratchticket.base.typed import check_types

RELEASED_EPSILON, RELEASED_STEP = Fraction(8, 255), Fraction(2, 255)
MAX_STEPS = 100_000


def default_step_size(epsilon: Fraction, steps: int, norm: Norm) -> Fraction:
    """Return the default step size: 2.5 epsilon / steps.

    At l-inf 8/255 it is 2/255, as in the released code.
    """
    if epsilon == RELEASED_EPSILON and norm == "linf":
        return RELEASED_STEP
    return Fraction(5, 2) * epsilon / steps


class Target(NamedTuple):
    """The arguments of an attack method.

    Attributes:
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Threat model, the ball around each image; minimum-norm methods ignore it.
        generator: Source of all random draws.
        learning: Whether this is an inner attack: it then takes all its steps, even after the
            network is fooled.
        chances: For a set of networks, the probability of each, ``(network,)``.
        part: If several processes share a batch, the slice of it in ``images``.
        whole: Size of the shared batch; None if ``images`` is the whole batch.
    """

    network: Network
    images: Tensor
    labels: Tensor
    ball: Ball
    generator: torch.Generator
    learning: bool = False
    chances: Tensor | None = None
    part: slice = slice(None)
    whole: int | None = None

    def loss(self, name: str) -> Loss:
        """Return the loss with this name; for a set of networks, its expectation.

        For a set, ``margin`` is the clamped margin of :func:`set_loss`.
        """
        if self.chances is None:
            return LOSSES[name]
        if name == "margin":
            return set_loss("clamped-margin", self.chances)
        return expected(LOSSES[name], self.chances)

    def random_start(self, ball: Ball) -> Tensor:
        """Return a random point of the ball around each image.

        Points are drawn for the whole shared batch, so they do not depend on how it is split.
        """
        if self.whole is None or self.whole == len(self.images):
            return ball.random_start(self.images, self.generator)
        channels_last = self.images.is_contiguous(memory_format=torch.channels_last)
        order = torch.channels_last if channels_last else torch.contiguous_format
        size = (self.whole, *self.images.shape[1:])
        images = self.images
        batch = torch.empty(size, dtype=images.dtype, device=images.device, memory_format=order)
        batch.zero_()[self.part] = self.images
        return ball.random_start(batch, self.generator)[self.part]


class Result(NamedTuple):
    """The result of an attack method.

    Attributes:
        images: Adversarial images.
        queries: Queries spent on each image, ``(batch,)``; None if not counted.
        resisted: Whether the method reports failure on each image, bool; None if it does not
            report. The evaluation does not rely on it: for a randomised network it can be wrong.
    """

    images: Tensor
    queries: Tensor | None = None
    resisted: Tensor | None = None


class Method(Protocol):
    """The interface of an attack method: a frozen dataclass of settings."""

    @property
    def black_box(self) -> bool:
        """Whether it uses logits only, no gradients."""

    @property
    def nearest(self) -> bool:
        """Whether it searches for the nearest adversarial image and so takes no epsilon."""

    @property
    def norms(self) -> tuple[Norm, ...]:
        """Norms of the balls it can search in."""

    def __call__(self, target: Target) -> Result:
        """Return adversarial images."""

    def path(self, target: Target) -> Iterator[Tensor]:
        """Yield the iterate after each step of one search."""

    @property
    def for_evaluation(self) -> bool:
        """Whether its images stay in the ball, so that it can be used in an evaluation."""

    @property
    def for_learning(self) -> bool:
        """Whether it can be an inner attack."""

    @property
    def evaluation_only(self) -> tuple[str, ...]:
        """Settings that apply only to evaluations, not to inner attacks."""

    @property
    def unused(self) -> tuple[str, ...]:
        """Settings left out of titles: they have no effect, or belong to the attacked set."""

    @property
    def gradients(self) -> int:
        """Number of gradient steps per image as an inner attack."""

    @property
    def passes(self) -> int:
        """Approximate upper bound on forward passes per image; a gradient counts as two."""

    @property
    def name(self) -> str:
        """Name without numbers: ``pgd``."""

    def __str__(self) -> str:
        """Return the name with the settings that matter most: ``pgd-20``."""

    def exact(self, epsilon: Fraction, norm: Norm) -> Method:
        """Return the method with ball-dependent defaults filled in."""


@dataclass(frozen=True)
class Settings(ABC):
    """Base class of methods: checks settings and supplies defaults.

    Raises:
        InputError: If a setting has the wrong type, the loss is unknown, or a number is not
            positive.
    """

    black_box: ClassVar[bool] = False
    nearest: ClassVar[bool] = False
    for_evaluation: ClassVar[bool] = True
    for_learning: ClassVar[bool] = True
    evaluation_only: ClassVar[tuple[str, ...]] = ()
    norms: ClassVar[tuple[Norm, ...]] = ("linf", "l2")
    losses: ClassVar[Sequence[str]] = tuple(LOSSES)

    @property
    def unused(self) -> tuple[str, ...]:
        """Settings left out of titles: they have no effect, or belong to the attacked set."""
        return ()

    @property
    def gradients(self) -> int:
        """Number of gradient steps per image as an inner attack; 1 for a method without steps."""
        return int(getattr(self, "steps", 1))

    @property
    def passes(self) -> int:
        """Approximate number of forward passes per image: two per gradient step and restart."""
        return 2 * self.gradients * int(getattr(self, "restarts", 1))

    def __post_init__(self) -> None:
        check_types(self)
        if (loss := getattr(self, "loss", None)) is not None and loss not in self.losses:
            raise unknown("loss", loss, self.losses)
        for setting in fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, int | float) and not isinstance(value, bool) and not value > 0:
                raise InputError(f"{setting.name} must be above 0, got {value}")

    def exact(self, epsilon: Fraction, norm: Norm) -> Self:
        """Return the method unchanged, as no default depends on the ball."""
        return self

    @abstractmethod
    def __call__(self, target: Target) -> Result:
        """Return adversarial images."""

    def path(self, target: Target) -> Iterator[Tensor]:
        """Yield only the result; a method with steps can yield every iterate."""
        yield self(target).images


@dataclass(frozen=True)
class Stepping(Settings):
    """A method that takes steps of a fixed size.

    Attributes:
        steps: Number of steps, each one gradient evaluation unless the method says otherwise.
        step_size: Length of a step as text, in the unit of the pixels. If not given, 2/255 at l-inf
            8/255, else 2.5 epsilon / steps.
    """

    steps: int = 20
    step_size: str | float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps > MAX_STEPS:
            raise InputError(f"steps must be from 1 to {MAX_STEPS}, got {self.steps}")
        if self.step_size is not None:
            step, largest = fraction(self.step_size, "step size"), max(MAX_EPSILON.values())
            if not 0 < step <= largest:
                raise InputError(
                    f"step size must be above 0 and at most {largest}, got {self.step_size}"
                )
            object.__setattr__(self, "step_size", fraction_text(step))

    def exact(self, epsilon: Fraction, norm: Norm) -> Self:
        """Return the method with its step size filled in."""
        if self.step_size is not None:
            return self
        step = default_step_size(epsilon, self.steps, norm)
        if len(str(step)) > LONGEST:  # text of this length could not be read back
            step = Fraction(repr(float(step)))
        return replace(self, step_size=fraction_text(step or Fraction(1)))  # 1 if epsilon is 0

    @property
    def length(self) -> float:
        """Step size as a number.

        Raises:
            InputError: If it is not filled in yet, see :meth:`exact`.
        """
        if self.step_size is None:
            raise InputError(
                "the default step size depends on the ball: give a step_size, or use "
                "Attack(method, epsilon)"
            )
        return float(Fraction(self.step_size))


@dataclass(frozen=True)
class OnSet(Settings):
    """An attack on a set of networks, for evaluation only."""

    for_learning: ClassVar[bool] = False

    @property
    def unused(self) -> tuple[str, ...]:
        """``probabilities``: they belong to the attacked set."""
        return ("probabilities",)


def restarts_suffix(restarts: int) -> str:
    """Return the part of a title that shows the number of restarts, if above 1."""
    return f" x{restarts}" if restarts > 1 else ""


def options_suffix(method: Settings) -> str:
    """Return the part of a title that shows ``keep`` and ``momentum``, unless both are default."""
    keep, momentum = getattr(method, "keep", None), getattr(method, "momentum", None)
    shown = [] if keep == getattr(type(method), "keep", None) else [str(keep)]
    if momentum not in (None, 1.0):
        shown.append(f"momentum {momentum}")
    return f" ({'; '.join(shown)})" if shown else ""


def network_set(target: Target) -> NetworkSet:
    """Return the network set of a target.

    Raises:
        InputError: If the target is a single network.
    """
    if not isinstance(target.network, NetworkSet):
        raise InputError("an attack on a set needs NetworkSet([...]), got a single network")
    return target.network


def member_probabilities(probabilities: Sequence[float] | None, target: Target) -> Tensor:
    """Return the probabilities of a target's networks, on the device of its images."""
    count = len(network_set(target).networks)
    return chances(probabilities, count).to(target.images.device)
