"""A black-box attack: bandits with priors (Ilyas, Engstrom and Madry, 2019, arXiv:1807.07978)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from scratchticket.attacks.balls import Ball, LinfBall, euclidean, per_image
from scratchticket.attacks.gradient import BestSoFar, Network, logits_and_losses
from scratchticket.attacks.losses import cross_entropy
from scratchticket.attacks.method import Result, Settings, Target


class Rates(NamedTuple):
    """Step sizes of the attack; they depend on the norm."""

    difference: float  # length of the finite difference
    image: float  # step size on the image
    prior: float  # learning rate of the prior
    exploration: float  # distance from the prior to the two points of the finite difference


LINF, L2 = Rates(0.1, 0.01, 100.0, 1.0), Rates(0.01, 0.5, 0.1, 0.01)
QUERIES_PER_STEP = 3  # two for the finite difference, one to check for success


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
    """Maximise the cross-entropy with gradients estimated from queries of the logits.

    The estimate carries over from step to step (time prior) and is constant on square tiles (data
    prior). The search for an image stops at the first success.

    Args:
        network: Pixels in [0, 1] to logits; no gradient is computed.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Threat model, the ball around each image.
        queries: Query budget per image. Each step takes three: two for the finite difference, and
            one to check for success, which the authors' code does not count.
        tiles: Number of tiles along each side of an image. If not given, a sixth of the side in
            pixels (the paper has 50 for 299), but at least 16, and at most one tile per pixel.
        rates: Step sizes. If not given, the paper's for the ball's norm, with an image step of
            epsilon / 5 (l-inf: 0.01 for 0.05) or epsilon / 10 (l2: 0.5 for 5).
        generator: Draws the exploration directions.

    Returns:
        The first iterate that fools the network, or else the one of the largest cross-entropy; and
        the number of queries spent, ``(batch,)``.
    """
    images, best = images.detach(), BestSoFar(images, labels)
    spent = torch.zeros_like(labels)
    linf = isinstance(ball, LinfBall)
    rates = rates or (LINF if linf else L2)._replace(image=ball.epsilon / (5 if linf else 10))
    pixels = images.shape[-1]
    side = tiles or min(pixels, max(16, round(pixels / 6)))
    shape = (*images.shape[:2], side, side)
    prior, current = torch.zeros(shape, device=images.device), images.clone()

    def loss(points: Tensor, rows: Tensor) -> Tensor:
        return logits_and_losses(network, points.clamp(0, 1), labels[rows], cross_entropy)[1]

    for _ in range(queries // QUERIES_PER_STEP):
        rows = best.unfooled
        if len(rows) == 0:
            break
        direction = torch.empty(shape, device=images.device).normal_(generator=generator)
        direction = direction[rows] / direction[0].numel() ** 0.5
        guess, here = _decoded(prior[rows], linf), current[rows]
        ahead, back = (
            here + rates.difference * _normalised(_upsampled(guess + sign * direction, here))
            for sign in (rates.exploration, -rates.exploration)
        )
        slope = (loss(ahead, rows) - loss(back, rows)) / (rates.difference * rates.exploration)
        gradient = per_image(slope, direction) * direction
        prior[rows] += rates.prior * (gradient if linf else _normalised(gradient))
        guess = _upsampled(_decoded(prior[rows], linf), here)
        moved = ball.project(ball.ascend(here, guess, rates.image), images[rows])
        current[rows] = moved
        spent[rows] += QUERIES_PER_STEP
        best.update(rows, moved, *logits_and_losses(network, moved, labels[rows], cross_entropy))
    return best.images, spent


def _decoded(prior: Tensor, linf: bool) -> Tensor:
    """Return the gradient estimate that a prior encodes.

    In the l-inf norm the prior is stored as the inverse tanh of values in (-1, 1): the paper's
    exponentiated-gradient step is then an addition, which cannot overflow.
    """
    return torch.tanh(prior) if linf else prior


def _upsampled(tiles: Tensor, images: Tensor) -> Tensor:
    """Return tiles upsampled to pixels."""
    return F.interpolate(tiles, size=images.shape[-2:], mode="nearest")


def _normalised(values: Tensor) -> Tensor:
    """Return each image's values scaled to length 1."""
    return values / per_image(euclidean(values).clamp_min(1e-12), values)


@dataclass(frozen=True)
class Bandits(Settings):
    """Bandits with priors (Ilyas et al., 2019); see :func:`bandits`.

    Attributes:
        queries: Query budget per image.
        tiles: Number of tiles along each side of an image; see :func:`bandits`.
    """

    queries: int = 10_000
    tiles: int | None = None
    black_box: ClassVar[bool] = True
    for_learning: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Name in titles and records."""
        return "bandits"

    @property
    def passes(self) -> int:
        """The query budget."""
        return self.queries

    def __call__(self, target: Target) -> Result:
        return Result(
            *bandits(
                *target[:4], queries=self.queries, tiles=self.tiles, generator=target.generator
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.queries}"
