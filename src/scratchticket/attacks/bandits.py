"""A black-box attack: bandits with priors (Ilyas, Engstrom and Madry, 2019, arXiv:1807.07978)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from scratchticket.attacks.balls import Ball, LinfBall, euclidean, per_image
from scratchticket.attacks.gradient import Found, Network, judged
from scratchticket.attacks.losses import cross_entropy
from scratchticket.attacks.method import Result, Settings, Target


class Rates(NamedTuple):
    """The numbers of the attack; they depend on the norm."""

    difference: float  # of the finite difference
    image: float  # step of the image
    prior: float  # step of the prior, online
    exploration: float


LINF, L2 = Rates(0.1, 0.01, 100.0, 1.0), Rates(0.01, 0.5, 0.1, 0.01)
QUERIES_PER_STEP = 3  # two for the finite difference, one that sees whether the step has fooled


def bandits(  # noqa: PLR0913
    network: Network,
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    *,
    queries: int = 10_000,
    tiles: int | None = None,
    rates: Rates | None = None,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Climb the cross-entropy with gradients guessed from queries of the logits.

    The guess is kept from step to step (the time prior) and made of square tiles (the data prior).
    Images leave when they are fooled.

    Args:
        network: Pixels in [0, 1] to logits; no gradient is asked for.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Where the adversarial images may lie.
        queries: Budget per image. Each step takes 3: two for the finite difference and one, which
            the original does not count, to see whether the network is fooled.
        tiles: Tiles along each side of an image. If not given, one for six pixels (the paper takes
            50 for 299), but at least 16 or as many as there are pixels.
        rates: If not given, those of the paper for the ball's norm. Its image step of 0.01 in the
            l-inf norm is for epsilon 0.05; here it is a fifth of epsilon. In the l2 norm it is a
            tenth of epsilon (0.5 for 5).
        generator: Draws the directions that are explored.

    Returns:
        The first image that fools the network, where none does the one of the largest
        cross-entropy, and how many queries were spent: ``(batch,)``.
    """
    images, found = images.detach(), Found(images, labels)
    spent = torch.zeros_like(labels)
    largest = isinstance(ball, LinfBall)
    rates = rates or (LINF if largest else L2)._replace(image=ball.epsilon / (5 if largest else 10))
    pixels = images.shape[-1]
    side = tiles or min(pixels, max(16, round(pixels / 6)))
    shape = (*images.shape[:2], side, side)
    prior, current = torch.zeros(shape, device=images.device), images.clone()

    def loss(points: Tensor, rows: Tensor) -> Tensor:
        return judged(network, points.clamp(0, 1), labels[rows], cross_entropy)[1]

    for _ in range(queries // QUERIES_PER_STEP):
        rows = found.open
        if len(rows) == 0:
            break
        direction = torch.empty(shape, device=images.device).normal_(generator=generator)
        direction = direction[rows] / direction[0].numel() ** 0.5
        guess, here = _values(prior[rows], largest), current[rows]
        ahead, back = (
            here + rates.difference * _unit(_fine(guess + sign * direction, here))
            for sign in (rates.exploration, -rates.exploration)
        )
        slope = (loss(ahead, rows) - loss(back, rows)) / (rates.difference * rates.exploration)
        gradient = per_image(slope, direction) * direction
        prior[rows] += rates.prior * (gradient if largest else _unit(gradient))
        guess = _fine(_values(prior[rows], largest), here)
        moved = ball.project(ball.ascend(here, guess, rates.image), images[rows])
        current[rows] = moved
        spent[rows] += QUERIES_PER_STEP
        found.offer(rows, moved, *judged(network, moved, labels[rows], cross_entropy))
    return found.images, spent


def _values(prior: Tensor, largest: bool) -> Tensor:
    """Return the gradient a prior stands for.

    In the l-inf norm the prior is kept as the inverse tanh of values in (-1, 1), where the paper's
    exponentiated gradient step is a sum, which cannot overflow.
    """
    return torch.tanh(prior) if largest else prior


def _fine(tiles: Tensor, images: Tensor) -> Tensor:
    """Return tiles as pixels."""
    return F.interpolate(tiles, size=images.shape[-2:], mode="nearest")


def _unit(values: Tensor) -> Tensor:
    """Return each image's values scaled to length 1."""
    return values / per_image(euclidean(values).clamp_min(1e-12), values)


@dataclass(frozen=True)
class Bandits(Settings):
    """Bandits with priors (Ilyas et al., 2019), queries counted; see :func:`bandits`.

    Attributes:
        queries: Budget for each image.
        tiles: Along each side of an image; if not given, one for six pixels, but at least 16.
    """

    queries: int = 10_000
    tiles: int | None = None
    black_box: ClassVar[bool] = True
    learns: ClassVar[bool] = False

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
