"""Balls: the sets of images an attacker may choose from."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

import torch
from torch import Tensor

from scratchticket.base.errors import InputError, unknown
from scratchticket.base.quantities import fraction

Norm = Literal["linf", "l2"]
MAX_EPSILON = {"linf": 1, "l2": 1000}  # largest accepted radius, by norm


class Ball(Protocol):
    """The interface of a threat model."""

    @property
    def epsilon(self) -> float:
        """Radius, in the unit of the pixels."""

    def random_start(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return a random point of the ball around each image."""

    def ascend(self, images: Tensor, gradient: Tensor, step_size: float | Tensor) -> Tensor:
        """Return the images after one step of steepest ascent; they may leave the ball.

        ``step_size`` is one number, or one per image: ``(batch,)``.
        """

    def project(self, adversarial: Tensor, images: Tensor) -> Tensor:
        """Return the images projected onto the ball and the pixel range."""

    def distance(self, adversarial: Tensor, images: Tensor) -> Tensor:
        """Return the distance of each image from the original: ``(batch,)``."""


@dataclass(frozen=True)
class LinfBall:
    """All images in [0, 1] whose pixels each differ from the original's by at most ``epsilon``.

    Attributes:
        epsilon: Radius, in the unit of the pixels, such as ``8 / 255``.
    """

    epsilon: float

    def random_start(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return a point drawn uniformly from the cube around each image, clipped to [0, 1]."""
        noise = torch.empty_like(images).uniform_(-self.epsilon, self.epsilon, generator=generator)
        return self.project(images + noise, images)

    def ascend(self, images: Tensor, gradient: Tensor, step_size: float | Tensor) -> Tensor:
        """Return the images after one step of steepest ascent: the gradient's sign (Eq. 2)."""
        if isinstance(step_size, Tensor):
            return images.addcmul(gradient.sign(), per_image(step_size, images))
        return images.add(gradient.sign(), alpha=step_size)

    def project(self, adversarial: Tensor, images: Tensor) -> Tensor:
        """Return the exact projection onto the ball and the pixel range."""
        difference = (adversarial - images).clamp_(-self.epsilon, self.epsilon)
        return difference.add_(images).clamp_(0.0, 1.0)

    def distance(self, adversarial: Tensor, images: Tensor) -> Tensor:
        """Return the largest difference of a pixel, per image: ``(batch,)``."""
        return (adversarial - images).abs().flatten(1).amax(dim=1)


@dataclass(frozen=True)
class L2Ball:
    """All images in [0, 1] whose Euclidean distance, over all pixels, is at most ``epsilon``.

    Attributes:
        epsilon: Radius, in the unit of the pixels.
    """

    epsilon: float

    def random_start(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return a point drawn uniformly from the ball around each image, clipped to [0, 1]."""
        direction = torch.empty_like(images).normal_(generator=generator)
        uniform = torch.rand(len(images), generator=generator, device=images.device)
        radius = self.epsilon * uniform ** (1 / images[0].numel())
        step = direction * per_image(radius / euclidean(direction), images)
        return (images + step).clamp_(0.0, 1.0)

    def ascend(self, images: Tensor, gradient: Tensor, step_size: float | Tensor) -> Tensor:
        """Return the images after a step of length ``step_size`` along the gradient."""
        largest = gradient.abs().flatten(1).amax(dim=1).clamp_min_(torch.finfo(gradient.dtype).tiny)
        direction = gradient / per_image(largest, images)  # so that no square underflows
        length = euclidean(direction).clamp_min_(1.0)  # below 1 only where the gradient is 0
        return images + direction * per_image(step_size / length, images)

    def project(self, adversarial: Tensor, images: Tensor) -> Tensor:
        """Scale points outside the ball back to its surface, then clip all points to [0, 1].

        Clipping moves pixels towards the image, which is in range, so the result stays in the ball.
        """
        difference = adversarial - images
        shrink = (self.epsilon / euclidean(difference).clamp_min_(1e-12)).clamp_max_(1.0)
        return images.add(difference * per_image(shrink, images)).clamp_(0.0, 1.0)

    def distance(self, adversarial: Tensor, images: Tensor) -> Tensor:
        """Return the Euclidean distance of each image: ``(batch,)``."""
        return euclidean(adversarial - images)


def euclidean(values: Tensor) -> Tensor:
    """Return the Euclidean norm of each image: ``(batch,)``."""
    norm: Tensor = torch.linalg.vector_norm(values.flatten(1), dim=1)
    return norm


def per_image(factor: Tensor, images: Tensor) -> Tensor:
    """Return one factor per image, reshaped to broadcast over images."""
    return factor.view(-1, *[1] * (images.ndim - 1))


def exact_epsilon(epsilon: str | float, norm: Norm) -> Fraction:
    """Return the radius of a ball as an exact fraction.

    Raises:
        InputError: If the norm is unknown or the number out of range.
    """
    if norm not in MAX_EPSILON:
        raise unknown("norm", norm, MAX_EPSILON)
    exact, largest = fraction(epsilon, "epsilon"), MAX_EPSILON[norm]
    if not 0 <= exact <= largest:
        usual = "; the usual 8 is written 8/255" if norm == "linf" else ""
        raise InputError(
            f"epsilon must lie in [0, {largest}], in units of pixels in [0, 1], "
            f"got {epsilon}{usual}"
        )
    return exact


def ball_of(epsilon: Fraction, norm: Norm) -> Ball:
    """Return the ball with this radius and norm."""
    return LinfBall(float(epsilon)) if norm == "linf" else L2Ball(float(epsilon))
