"""The sets of images an attacker may choose from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LinfBall:
    """All images in [0, 1] in which no pixel differs by more than ``epsilon``.

    Attributes:
        epsilon: Radius, in the unit of the pixels: 8/255 is ``8 / 255``.
    """

    epsilon: float

    def random_start(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return a point drawn uniformly from the cube around each image, clipped to the ball."""
        noise = torch.empty_like(images).uniform_(-self.epsilon, self.epsilon, generator=generator)
        return self.project(images + noise, images)

    def ascend(self, images: Tensor, gradient: Tensor, step_size: float) -> Tensor:
        """Return the images after one step of steepest ascent: the gradient's sign (Eq. 2)."""
        return images.add(gradient.sign(), alpha=step_size)

    def project(self, adversarial: Tensor, images: Tensor) -> Tensor:
        """Return the nearest points of the ball: the exact projection, pixel range included."""
        difference = (adversarial - images).clamp_(-self.epsilon, self.epsilon)
        return difference.add_(images).clamp_(0.0, 1.0)

    def distance(self, adversarial: Tensor, images: Tensor) -> Tensor:
        """Return the largest difference of a pixel, per image: ``(batch,)``."""
        return (adversarial - images).abs().flatten(1).amax(dim=1)
