"""ARC, the attack on randomized ensembles (Dbouk and Shanbhag, ICML 2022, arXiv:2206.06737)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from scratchticket.attacks.balls import Ball, LinfBall, euclidean, per_image
from scratchticket.attacks.gradient import BestSoFar, Network, all_fooled
from scratchticket.attacks.losses import Loss
from scratchticket.attacks.method import (
    OnSet,
    Result,
    Stepping,
    Target,
    member_probabilities,
    network_set,
    restarts_suffix,
)
from scratchticket.attacks.sets import NetworkSet, expected_error

OVERSHOOT = 0.05  # step past the decision boundary, as a fraction of epsilon
_TINY = 1e-12


class _Boundary(NamedTuple):
    """The nearest decision boundary of a linearised network; distances are ``(batch,)``.

    A step of :func:`arc` moves from the iterate, ``points``, to ``points + local``.

    Attributes:
        origin: Distance from ``points``, in the ball's norm.
        distance: Distance from ``points + local``.
        direction: Unit vector towards the boundary.
        fooled: Whether the network is fooled at ``points + local``.
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
    """Fool one network after another while keeping the others fooled (Algorithm 2).

    Each step builds a local perturbation of length ``step_size``. It visits the networks by
    decreasing probability. For each network, it moves towards the nearest decision boundary, just
    far enough to fool this network and those visited before it if they were linear. A move is kept
    if the expected accuracy does not rise.

    ARC is guaranteed to fool at least one network, whenever that is possible, on three conditions:
    the networks are linear, ``step_size`` is epsilon, and ``classes`` covers every wrong class.
    Gradient ascent on the expected cross-entropy may then fool none (Theorems 4.1 and 5.1). The
    guarantee holds only for a search that starts at the original image, so the first one does.

    Unlike in the paper, a local perturbation never leaves the ball, so that networks are linearised
    at points the attack can reach.

    Args:
        networks: Each from pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Threat model, the ball around each image.
        probabilities: Probability that each network answers, ``(network,)``.
        step_size: Length of the local perturbation, in the unit of the pixels.
        steps: Number of local perturbations, one after another.
        classes: Number of the most likely wrong classes whose decision boundaries are considered.
        restarts: Number of searches; those after the first start at random points.
        generator: Draws the random starts.

    Returns:
        The iterate of the largest expected error for each image, detached.
    """
    images, network_set = images.detach(), NetworkSet(networks)
    error = expected_error(probabilities)
    best = BestSoFar(images, labels, error)
    by_chance = probabilities.argsort(descending=True, stable=True).tolist()
    order = [index for index in by_chance if probabilities[index] > 0]
    for search in range(restarts):
        rows = best.unfooled
        if len(rows) == 0:
            break
        points = images[rows]
        if search > 0:
            assert generator is not None, "random starts need a generator"
            points = ball.random_start(images, generator)[rows]
        risk = _error(network_set, points, labels[rows], error)
        for _ in range(steps):
            clean, truth = images[rows], labels[rows]
            local, kept = torch.zeros_like(points), risk
            for place, index in enumerate(order):
                boundary = _nearest_boundary(networks[index], points, local, truth, ball, classes)
                ahead = _beyond_boundary(local, boundary, ball, step_size, first=place == 0)
                moved = ball.project(points + ahead, clean)
                reached = _error(network_set, moved, truth, error)
                better = reached >= kept
                local = torch.where(per_image(better, local), moved - points, local)
                kept = torch.where(better, reached, kept)
            points, risk = ball.project(points + local, clean), kept
            best.keep_better(rows, points, risk, risk)
            undone = ~all_fooled(risk)
            rows, points, risk = rows[undone], points[undone], risk[undone]
            if len(rows) == 0:
                break
    return best.images


def _error(networks: NetworkSet, points: Tensor, labels: Tensor, error: Loss) -> Tensor:
    with torch.no_grad():
        return error(networks(points), labels)


def _nearest_boundary(  # noqa: PLR0917
    network: Network, points: Tensor, local: Tensor, labels: Tensor, ball: Ball, classes: int
) -> _Boundary:
    """Return the decision boundary nearest to ``points``, linearised at ``points + local``.

    Only boundaries between the label and the ``classes`` most likely wrong classes are considered.
    """
    ends = (points + local).detach().requires_grad_()
    with torch.enable_grad():
        logits = network(ends)
        wrong_logits = logits.scatter(1, labels[:, None], -torch.inf)
        likeliest = wrong_logits.topk(min(classes, logits.shape[1] - 1), dim=1).indices
        margins = logits.gather(1, labels[:, None]) - logits.gather(1, likeliest)
        gradients = torch.stack(
            [
                torch.autograd.grad(margin.sum(), ends, retain_graph=True)[0]
                for margin in margins.unbind(dim=1)
            ]
        )  # (class, batch, channel, height, width)
    linf = isinstance(ball, LinfBall)
    dual_norms = torch.stack(
        [(g.abs().flatten(1).sum(dim=1) if linf else euclidean(g)) for g in gradients]
    ).clamp_min(_TINY)
    distances = margins.detach().T / dual_norms
    origins = distances - (gradients * local).flatten(2).sum(dim=2) / dual_norms
    origin, nearest = origins.min(dim=0)
    rows = torch.arange(len(points), device=points.device)
    gradient = gradients[nearest, rows]
    normal = gradient / per_image(dual_norms[nearest, rows], gradient)
    direction = -gradient.sign() if linf else -normal
    return _Boundary(origin, distances[nearest, rows], direction, (distances < 0).any(dim=0))


def _beyond_boundary(
    local: Tensor, boundary: _Boundary, ball: Ball, length: float, *, first: bool
) -> Tensor:
    """Return ``local`` extended to fool one more linear network, if ``length`` suffices.

    ``weight * direction`` is added to ``local``, whose norm is at most ``length``, and the sum is
    scaled to ``length``. The scaled sum crosses the boundary if ``weight`` is at least ``length *
    distance / (length - origin)``.
    """
    weight = torch.full_like(boundary.distance, length)
    if not first:
        needed = length * boundary.distance / (length - boundary.origin).clamp_min(_TINY)
        needed = needed + OVERSHOOT * ball.epsilon
        weight = torch.where(boundary.origin < length, needed, weight)
    ahead = local + per_image(weight, local) * boundary.direction
    size = ball.distance(ahead, torch.zeros_like(ahead)).clamp_min(_TINY)
    ahead = ahead * per_image(length / size, ahead)
    return torch.where(per_image(boundary.fooled, local), local, ahead)


@dataclass(frozen=True)
class ARC(OnSet, Stepping):
    """ARC; see :func:`scratchticket.attacks.arc`.

    Attributes:
        steps: Number of local perturbations.
        step_size: Length of a local perturbation.
        classes: Number of wrong classes considered.
        restarts: Number of searches; those after the first start at random points.
        probabilities: Probability of each network; uniform if None.
    """

    classes: int = 3
    restarts: int = 1
    probabilities: tuple[float, ...] | None = None

    @property
    def name(self) -> str:
        """Name in titles and records."""
        return "arc"

    @property
    def passes(self) -> int:
        """Largest number of forward passes per image and network, if the set has two networks.

        In a step, a network takes one pass to linearise it and one for each class's gradient. The
        move is then compared by one pass through every network of the set.
        """
        return self.restarts * self.steps * (3 + self.classes)

    def __call__(self, target: Target) -> Result:
        return Result(
            arc(
                network_set(target).networks,
                *target[1:4],
                probabilities=member_probabilities(self.probabilities, target),
                step_size=self.length,
                steps=self.steps,
                classes=self.classes,
                restarts=self.restarts,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.steps} by {self.step_size}{restarts_suffix(self.restarts)}"
