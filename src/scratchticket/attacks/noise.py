"""Random noise, the baseline for all attacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from scratchticket.attacks.balls import Ball
from scratchticket.attacks.gradient import BestSoFar, Network, logits_and_losses
from scratchticket.attacks.losses import cross_entropy
from scratchticket.attacks.method import Result, Settings, Target


def noise(  # noqa: PLR0913
    network: Network,
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    *,
    draws: int = 20,
    generator: torch.Generator,
) -> Tensor:
    """Try random points of the ball around each image.

    Args:
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Where the points are drawn.
        draws: Largest number of points to try.
        generator: Draws the points.

    Returns:
        The first point that fools the network, or else the one of the largest cross-entropy.
    """
    images, best = images.detach(), BestSoFar(images, labels)
    for _ in range(draws):
        points, rows = ball.random_start(images, generator), best.unfooled
        if len(rows) == 0:
            break
        points = points[rows]
        best.update(rows, points, *logits_and_losses(network, points, labels[rows], cross_entropy))
    return best.images


@dataclass(frozen=True)
class Noise(Settings):
    """Random points of the ball; see :func:`noise`.

    Attributes:
        draws: Largest number of points to try.
    """

    draws: int = 20
    black_box: ClassVar[bool] = True
    evaluation_only: ClassVar[tuple[str, ...]] = ("draws",)

    @property
    def name(self) -> str:
        """Name in titles and records."""
        return "noise"

    def __call__(self, target: Target) -> Result:
        if target.learning:
            return Result(target.random_start(target.ball))
        return Result(noise(*target[:4], draws=self.draws, generator=target.generator))

    def path(self, target: Target) -> Iterator[Tensor]:
        """Yield every random point."""
        for _ in range(self.draws):
            yield target.random_start(target.ball)

    @property
    def gradients(self) -> int:
        """Zero: no gradient is computed."""
        return 0

    @property
    def passes(self) -> int:
        """One for each random point."""
        return self.draws

    def __str__(self) -> str:
        return f"{self.name}-{self.draws}"
