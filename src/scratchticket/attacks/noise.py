"""Random noise: the attack that every other one must beat."""

from __future__ import annotations

import torch
from torch import Tensor

from scratchticket.attacks.balls import Ball
from scratchticket.attacks.gradient import Found, Network, judged
from scratchticket.attacks.losses import cross_entropy


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
        draws: How many to try, at most.
        generator: Draws them.

    Returns:
        The first point that fools the network; where none does, the one of the largest
        cross-entropy.
    """
    images, found = images.detach(), Found(images, labels)
    for _ in range(draws):
        points, rows = ball.random_start(images, generator), found.open
        if len(rows) == 0:
            break
        points = points[rows]
        found.offer(rows, points, *judged(network, points, labels[rows], cross_entropy))
    return found.images
