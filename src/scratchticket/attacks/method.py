"""What a method of attack is: a frozen dataclass of settings that can be let loose on a target."""

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
from scratchticket.attacks.sets import Together, chances, expected, set_loss
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.quantities import LONGEST, fraction, fraction_text
from scratchticket.base.typed import check_types

RELEASED_EPSILON, RELEASED_STEP = Fraction(8, 255), Fraction(2, 255)
MAX_STEPS = 100_000


def default_step_size(epsilon: Fraction, steps: int, norm: Norm) -> Fraction:
    """Return the step of PGD: the released 2/255 at l-inf 8/255, else 2.5 epsilon / steps."""
    if epsilon == RELEASED_EPSILON and norm == "linf":
        return RELEASED_STEP
    return Fraction(5, 2) * epsilon / steps


class Target(NamedTuple):
    """What a method is let loose on.

    Attributes:
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Where adversarial images may lie; methods that look for the nearest one ignore it.
        generator: Of all random draws.
        learning: Whether the images are to be learned from: a search then goes on to its end,
            whatever fools the network on the way, and returns where it arrived.
        chances: If the network is several networks: the probability of each, ``(network,)``.
        part: The place of the images in a batch that several processes share.
        whole: How many images that batch has; none if it is these.
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
        """Return a loss by its name; over several networks, its expectation.

        Of several networks a margin counts no further than clearly fooled, see :func:`set_loss`.
        """
        if self.chances is None:
            return LOSSES[name]
        if name == "margin":
            return set_loss("clamped-margin", self.chances)
        return expected(LOSSES[name], self.chances)

    def random_start(self, ball: Ball) -> Tensor:
        """Return a random point of a ball around each image, drawn for all of a shared batch."""
        if self.whole is None or self.whole == len(self.images):
            return ball.random_start(self.images, self.generator)
        last = self.images.is_contiguous(memory_format=torch.channels_last)
        order = torch.channels_last if last else torch.contiguous_format
        size = (self.whole, *self.images.shape[1:])
        images = self.images
        batch = torch.empty(size, dtype=images.dtype, device=images.device, memory_format=order)
        batch.zero_()[self.part] = self.images
        return ball.random_start(batch, self.generator)[self.part]


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

    def path(self, target: Target) -> Iterator[Tensor]:
        """Yield the images after each step of a search."""

    @property
    def judges(self) -> bool:
        """Whether its images stay in the ball, so that they can judge a network."""

    @property
    def learns(self) -> bool:
        """Whether it can be the inner attack of a search."""

    @property
    def only_judging(self) -> tuple[str, ...]:
        """Settings that have no meaning for learning."""

    @property
    def unused(self) -> tuple[str, ...]:
        """Settings that change nothing here, or say whom the method attacks: no title has them."""

    @property
    def gradients(self) -> int:
        """How many gradients of the network it takes for an image, at most."""

    @property
    def name(self) -> str:
        """What it is called, without numbers: ``pgd``."""

    def __str__(self) -> str:
        """Return its name with the settings that matter most: ``pgd-20``."""

    def exact(self, epsilon: Fraction, norm: Norm) -> Method:
        """Return the same method with the defaults that depend on the ball filled in."""


@dataclass(frozen=True)
class Settings(ABC):
    """What the methods have in common.

    Raises:
        InputError: If a setting is of another type, or is a number that is not above 0.
    """

    black_box: ClassVar[bool] = False
    nearest: ClassVar[bool] = False
    judges: ClassVar[bool] = True
    learns: ClassVar[bool] = True
    only_judging: ClassVar[tuple[str, ...]] = ()  # settings that have no meaning for learning
    norms: ClassVar[tuple[Norm, ...]] = ("linf", "l2")
    losses: ClassVar[Sequence[str]] = tuple(LOSSES)

    @property
    def unused(self) -> tuple[str, ...]:
        """Settings that change nothing here, or say whom the method attacks: no title has them."""
        return ()

    @property
    def gradients(self) -> int:
        """How many gradients of the network it takes for an image: its steps, if it has any."""
        return int(getattr(self, "steps", 1))

    def __post_init__(self) -> None:
        check_types(self)
        if (loss := getattr(self, "loss", None)) is not None and loss not in self.losses:
            raise unknown("loss", loss, self.losses)
        for setting in fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, int | float) and not isinstance(value, bool) and not value > 0:
                raise InputError(f"{setting.name} must be above 0, got {value}")

    def exact(self, epsilon: Fraction, norm: Norm) -> Self:
        """Return the method itself: nothing here depends on the ball."""
        return self

    @abstractmethod
    def __call__(self, target: Target) -> Result:
        """Search."""

    def path(self, target: Target) -> Iterator[Tensor]:
        """Yield the images after each step; here only where the search ends."""
        yield self(target).images


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
        if self.steps > MAX_STEPS:
            raise InputError(f"steps must be from 1 to {MAX_STEPS}, got {self.steps}")
        if self.step_size is not None:
            step = fraction(self.step_size, "step size")
            if not 0 < step <= max(MAX_EPSILON.values()):
                raise InputError(f"step size must be above 0, got {self.step_size}")
            object.__setattr__(self, "step_size", fraction_text(step))

    def exact(self, epsilon: Fraction, norm: Norm) -> Self:
        """Return the method with its step size filled in."""
        if self.step_size is not None:
            return self
        step = default_step_size(epsilon, self.steps, norm)
        if len(str(step)) > LONGEST:
            step = Fraction(repr(float(step)))
        return replace(self, step_size=fraction_text(step or Fraction(1)))  # in a ball of 0 any

    @property
    def length(self) -> float:
        """Length of a step.

        Raises:
            InputError: If it is not known yet.
        """
        if self.step_size is None:
            raise InputError("a method has no step size before it has a ball")
        return float(Fraction(self.step_size))


@dataclass(frozen=True)
class OnSet(Settings):
    """An attack on several networks: it judges, and its probabilities are the attacked set's."""

    learns: ClassVar[bool] = False

    @property
    def unused(self) -> tuple[str, ...]:
        """The probabilities: they are the set's that is attacked."""
        return ("probabilities",)


def again(restarts: int) -> str:
    """Return how a name says that an attack begins anew."""
    return f" x{restarts}" if restarts > 1 else ""


def ending(method: Settings) -> str:
    """Return how a name says which iterate is kept, and with how much momentum, if not as usual."""
    keep, momentum = getattr(method, "keep", None), getattr(method, "momentum", None)
    said = [] if keep == getattr(type(method), "keep", None) else [str(keep)]
    if momentum not in (None, 1.0):
        said.append(f"momentum {momentum}")
    return f" ({'; '.join(said)})" if said else ""


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
