"""ARC, the attack on randomized ensembles (Dbouk and Shanbhag, ICML 2022, arXiv:2206.06737)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from scratchticket.attacks.balls import Ball, LinfBall, euclidean, per_image
from scratchticket.attacks.gradient import Found, Network, whole
from scratchticket.attacks.losses import Loss
from scratchticket.attacks.method import (
    OnSet,
    Result,
    Stepping,
    Target,
    again,
    known_chances,
    together,
)
from scratchticket.attacks.sets import Together, expected_error

BEYOND = 0.05  # of epsilon: how far past a boundary to go
_TINY = 1e-12


class _Boundary(NamedTuple):
    """Where a network would be fooled next, if it were linear.

    Attributes:
        origin: Distance of its decision boundary from where the local perturbation begins, in the
            ball's norm: ``(batch,)``. Of all boundaries it is the one nearest from there.
        distance: From where the local perturbation ends.
        direction: Towards it, of length 1.
        fooled: Whether it is fooled where the local perturbation ends.
    """

    origin: Tensor
    distance: Tensor
    direction: Tensor
    fooled: Tensor


def arc(  # noqa: PLR0913
    networks: Sequence[Network],
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    *,
    probabilities: Tensor,
    step_size: float,
    steps: int = 20,
    classes: int = 3,
    restarts: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fool one network after another without losing those that are fooled already (Algorithm 2).

    In every step a local perturbation of length ``step_size`` is built up: networks in order of
    falling probability, each moved towards its nearest boundary by so much that it would be fooled
    if it were linear, taking what was done for the networks before it into account; a move is kept
    if the expected accuracy does not rise. For linear networks, a step as long as epsilon, and all
    other classes among the ``classes``, this finds a perturbation whenever one network can be
    fooled, which ascent on the expected cross-entropy need not (Theorems 4.1 and 5.1). That is why
    the first search begins at the images: from elsewhere there is no such guarantee.

    Unlike the paper's, a local perturbation never leaves the ball, so that networks are made linear
    where the image may be.

    Args:
        networks: Each from pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Where the adversarial images may lie.
        probabilities: That a network answers: ``(network,)``.
        step_size: Length of the local perturbation, in the unit of the pixels.
        steps: Local perturbations, one after another.
        classes: How many of the most likely wrong classes are looked at for a boundary.
        restarts: Searches; those after the first begin at random points.
        generator: Draws these.

    Returns:
        The images of the largest expected error that were seen, detached.
    """
    images, together = images.detach(), Together(networks)
    error = expected_error(probabilities)
    found = Found(images, labels, error)
    by_chance = probabilities.argsort(descending=True, stable=True).tolist()
    order = [index for index in by_chance if probabilities[index] > 0]
    for search in range(restarts):
        rows = found.open
        if len(rows) == 0:
            break
        points = images[rows]
        if search > 0:
            assert generator is not None, "random starts need a generator"
            points = ball.random_start(images, generator)[rows]
        risk = _error(together, points, labels[rows], error)
        for _ in range(steps):
            clean, truth = images[rows], labels[rows]
            local, kept = torch.zeros_like(points), risk
            for place, index in enumerate(order):
                boundary = _nearest(networks[index], points, local, truth, ball, classes)
                ahead = _ahead(local, boundary, ball, step_size, first=place == 0)
                moved = ball.project(points + ahead, clean)
                reached = _error(together, moved, truth, error)
                better = reached >= kept
                local = torch.where(per_image(better, local), moved - points, local)
                kept = torch.where(better, reached, kept)
            points, risk = ball.project(points + local, clean), kept
            found.take(rows, points, risk, risk)
            undone = ~whole(risk)
            rows, points, risk = rows[undone], points[undone], risk[undone]
            if len(rows) == 0:
                break
    return found.images


def _error(together: Together, points: Tensor, labels: Tensor, error: Loss) -> Tensor:
    with torch.no_grad():
        return error(together(points), labels)


def _nearest(  # noqa: PLR0917
    network: Network, points: Tensor, local: Tensor, labels: Tensor, ball: Ball, classes: int
) -> _Boundary:
    """Return the nearest boundary of the network, made linear where the local perturbation ends."""
    ends = (points + local).detach().requires_grad_()
    with torch.enable_grad():
        logits = network(ends)
        wrong = logits.scatter(1, labels[:, None], -torch.inf)
        likely = wrong.topk(min(classes, logits.shape[1] - 1), dim=1).indices
        leads = logits.gather(1, labels[:, None]) - logits.gather(1, likely)
        slopes = torch.stack(
            [
                torch.autograd.grad(lead.sum(), ends, retain_graph=True)[0]
                for lead in leads.unbind(dim=1)
            ]
        )  # (class, batch, ...), towards the label
    largest = isinstance(ball, LinfBall)
    lengths = torch.stack(
        [(s.abs().flatten(1).sum(dim=1) if largest else euclidean(s)) for s in slopes]
    ).clamp_min(_TINY)
    distances = leads.detach().T / lengths
    origins = distances - (slopes * local).flatten(2).sum(dim=2) / lengths
    origin, best = origins.min(dim=0)
    every = torch.arange(len(points), device=points.device)
    slope = slopes[best, every]
    normal = slope / per_image(lengths[best, every], slope)
    direction = -slope.sign() if largest else -normal
    return _Boundary(origin, distances[best, every], direction, (distances < 0).any(dim=0))


def _ahead(local: Tensor, boundary: _Boundary, ball: Ball, length: float, *, first: bool) -> Tensor:
    """Return the local perturbation that fools a linear network too, if one of that length does.

    After ``local``, of norm ``length`` at most, comes ``weight * direction``, and the sum is scaled
    to ``length``. It crosses the boundary if ``weight`` is at least ``length * distance / (length -
    origin)``.
    """
    weight = torch.full_like(boundary.distance, length)
    if not first:
        needed = length * boundary.distance / (length - boundary.origin).clamp_min(_TINY)
        needed = needed + BEYOND * ball.epsilon
        weight = torch.where(boundary.origin < length, needed, weight)
    ahead = local + per_image(weight, local) * boundary.direction
    size = ball.distance(ahead, torch.zeros_like(ahead)).clamp_min(_TINY)
    ahead = ahead * per_image(length / size, ahead)
    return torch.where(per_image(boundary.fooled, local), local, ahead)


@dataclass(frozen=True)
class ARC(OnSet, Stepping):
    """ARC; see :func:`scratchticket.attacks.arc`.

    Attributes:
        steps: Local perturbations.
        step_size: Their length.
        classes: Wrong classes looked at.
        restarts: Searches; those after the first begin at random points.
        probabilities: Of the networks; equal if None.
    """

    classes: int = 3
    restarts: int = 1
    probabilities: tuple[float, ...] | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return "arc"

    def __call__(self, target: Target) -> Result:
        return Result(
            arc(
                together(target).networks,
                *target[1:4],
                probabilities=known_chances(self.probabilities, target),
                step_size=self.length,
                steps=self.steps,
                classes=self.classes,
                restarts=self.restarts,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.steps} by {self.step_size}{again(self.restarts)}"
