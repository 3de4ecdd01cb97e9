"""Auto-PGD (Croce and Hein, 2020, arXiv:2003.01690): PGD that adapts its step size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from math import ceil
from typing import ClassVar, Literal

import torch
from torch import Tensor

from scratchticket.attacks.balls import Ball, per_image
from scratchticket.attacks.gradient import BestSoFar, Network, input_gradient
from scratchticket.attacks.losses import Loss, cross_entropy, targeted_dlr, wrong
from scratchticket.attacks.method import Result, Settings, Target, options_suffix, restarts_suffix

Goal = Callable[[Tensor, Tensor], Tensor]  # (logits, image indices) -> losses
APGDKeep = Literal["first", "worst", "best"]
MOMENTUM = 0.75  # weight of the new step; the previous step has weight 1 - MOMENTUM
IMPROVING = 0.75  # halve the step size if fewer than this fraction of the steps raise the loss
FIRST, SHORTER, SHORTEST = 0.22, 0.03, 0.06  # checkpoint periods, as fractions of all steps


def checkpoints(steps: int) -> list[int]:
    """Return the steps after which the step size may be halved (Croce and Hein, Sec. 3.2).

    Example:
        >>> checkpoints(100)
        [22, 41, 57, 70, 80, 87, 93, 99]
    """
    shares = [0.0, FIRST]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - SHORTER, SHORTEST))
    return sorted({ceil(share * steps - 1e-9) for share in shares[1:] if share <= 1})


@dataclass
class _Search:
    """State of the search: tensors with one row per image that is still attacked."""

    rows: Tensor  # indices of the images in the batch
    images: Tensor
    current: Tensor
    previous: Tensor
    gradient: Tensor  # at the current point
    loss: Tensor  # at the current point
    step: Tensor
    best: Tensor  # point of the largest loss
    best_gradient: Tensor
    best_loss: Tensor
    best_then: Tensor  # largest loss at the last check
    rises: Tensor  # number of steps since the last check that raised the loss
    halved: Tensor  # whether the step size was halved at the last check

    def only(self, chosen: Tensor) -> _Search:
        """Return the state of the selected images."""
        return _Search(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def move(self, ball: Ball, momentum: float) -> Tensor:
        """Return the next iterates: a step along the gradient, mixed with the previous step."""
        ahead = ball.project(ball.ascend(self.current, self.gradient, self.step), self.images)
        if momentum == 1:
            return ahead
        mixed = self.current + momentum * (ahead - self.current)
        mixed += (1 - momentum) * (self.current - self.previous)
        return ball.project(mixed, self.images)

    def arrive(self, points: Tensor, gradient: Tensor, losses: Tensor) -> None:
        """Store new iterates, and update the best ones."""
        self.rises += losses > self.loss
        self.previous, self.current = self.current, points
        self.gradient, self.loss = gradient, losses
        better = losses > self.best_loss
        chosen = per_image(better, points)
        self.best = torch.where(chosen, points, self.best)
        self.best_gradient = torch.where(chosen, gradient, self.best_gradient)
        self.best_loss = torch.where(better, losses, self.best_loss)

    def check(self, length: int) -> None:
        """Halve the step size of each stuck image, and restart it from its best point.

        An image is stuck if too few of the last ``length`` steps raised its loss, or if its step
        size was not halved at the last check and its best loss has not risen since (Conditions 1
        and 2).
        """
        stuck = (self.rises < IMPROVING * length) | (
            ~self.halved & (self.best_loss <= self.best_then)
        )
        self.step = torch.where(stuck, self.step / 2, self.step)
        chosen = per_image(stuck, self.images)
        self.current = torch.where(chosen, self.best, self.current)
        self.gradient = torch.where(chosen, self.best_gradient, self.gradient)
        self.loss = torch.where(stuck, self.best_loss, self.loss)
        self.halved, self.best_then = stuck, self.best_loss
        self.rises = torch.zeros_like(self.rises)


def apgd(  # noqa: PLR0913
    network: Network,
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    *,
    steps: int = 100,
    loss: Loss = cross_entropy,
    generator: torch.Generator,
    restarts: int = 1,
    keep: APGDKeep = "first",
    error: Loss = wrong,
) -> Tensor:
    """Attack with Auto-PGD (Croce and Hein, 2020, Algorithm 1).

    The step size starts at two epsilon and is halved, per image, where the loss stops rising; the
    search then goes on from the best point so far. Only the number of steps is left to tune.

    Args:
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Threat model, the ball around each image.
        steps: Number of steps, each one gradient evaluation.
        loss: Loss to maximise.
        generator: Draws the random starts.
        restarts: Number of random starts.
        keep: ``first``, ``worst`` or ``best``, as for :func:`scratchticket.attacks.pgd`; here
            ``first`` and ``worst`` return the same images.
        error: As for :func:`scratchticket.attacks.pgd`.

    Returns:
        Adversarial images, detached.
    """
    images, best = images.detach(), BestSoFar(images, labels, error)
    for _ in range(restarts):
        _ascend(
            network,
            images,
            lambda logits, rows: loss(logits, labels[rows]),
            ball,
            steps=steps,
            start=ball.random_start(images, generator),
            best=best,
            keep=keep,
        )
    return best.images


def targeted_apgd(  # noqa: PLR0913
    network: Network,
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    *,
    steps: int = 100,
    targets: int = 9,
    generator: torch.Generator,
    keep: APGDKeep = "first",
) -> Tensor:
    """Attack with APGD-T: Auto-PGD towards one wrong class after another (Croce and Hein, 2020).

    Args:
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Threat model, the ball around each image.
        steps: Number of steps per class.
        targets: Largest number of wrong classes to try, the most likely first.
        generator: Draws the random starts.
        keep: As in :func:`apgd`.

    Returns:
        Adversarial images, detached.

    Raises:
        InputError: If there are fewer than four classes.
    """
    images, best = images.detach(), BestSoFar(images, labels)
    with torch.no_grad():
        clean = network(images)
    wrong = clean.scatter(1, labels[:, None], -torch.inf)
    likely = wrong.argsort(dim=1, descending=True, stable=True)
    for rank in range(min(targets, clean.shape[1] - 1)):
        _ascend(
            network,
            images,
            _towards(labels, likely[:, rank]),
            ball,
            steps=steps,
            start=ball.random_start(images, generator),
            best=best,
            keep=keep,
        )
    return best.images


def _towards(labels: Tensor, aims: Tensor) -> Goal:
    """Return the loss that targets the given class of each image."""
    return lambda logits, rows: targeted_dlr(logits, labels[rows], aims[rows])


def _ascend(  # noqa: PLR0913
    network: Network,
    images: Tensor,
    goal: Goal,
    ball: Ball,
    *,
    steps: int,
    start: Tensor,
    best: BestSoFar,
    keep: APGDKeep,
) -> None:
    """Run one search from ``start``, updating ``best`` in place with every iterate."""
    rows = torch.arange(len(images), device=images.device) if keep == "best" else best.unfooled
    if len(rows) == 0:
        return

    def at(points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        gradient, logits, losses = input_gradient(network, points, rows, goal)
        return gradient, losses, best.update(rows, points, logits, losses)

    points = start[rows]
    gradient, losses, fooled = at(points, rows)
    search = _Search(
        rows=rows,
        images=images[rows],
        current=points,
        previous=points,
        gradient=gradient,
        loss=losses,
        step=torch.full_like(losses, 2 * ball.epsilon),
        best=points,
        best_gradient=gradient,
        best_loss=losses,
        best_then=losses,
        rises=torch.zeros_like(losses),
        halved=torch.ones_like(fooled),
    )
    checks, last = checkpoints(steps), 0
    for step in range(1, steps + 1):
        if keep != "best":
            search = search.only(~fooled)
            if len(search.rows) == 0:
                return
        points = search.move(ball, 1.0 if step == 1 else MOMENTUM)
        gradient, losses, fooled = at(points, search.rows)
        search.arrive(points, gradient, losses)
        if step in checks:
            search.check(step - last)
            last = step


@dataclass(frozen=True)
class APGD(Settings):
    """Auto-PGD (Croce and Hein, 2020), this package's implementation; see :func:`apgd`.

    Attributes:
        steps: Number of steps.
        loss: As for :class:`PGD`.
        restarts: Number of random starts.
        keep: As for :class:`PGD`.
    """

    steps: int = 100
    loss: str = "ce"
    restarts: int = 1
    keep: APGDKeep = "first"
    evaluation_only: ClassVar[tuple[str, ...]] = ("restarts", "keep")

    @property
    def name(self) -> str:
        """Name in titles and records."""
        return f"apgd-{self.loss}"

    def __call__(self, target: Target) -> Result:
        return Result(
            apgd(
                *target[:4],
                steps=self.steps,
                loss=target.loss(self.loss),
                restarts=self.restarts,
                keep="best" if target.learning else self.keep,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.steps}{restarts_suffix(self.restarts)}{options_suffix(self)}"


@dataclass(frozen=True)
class TargetedAPGD(Settings):
    """Auto-PGD towards the most likely wrong classes; see :func:`targeted_apgd`.

    Attributes:
        steps: Number of steps per class.
        targets: Largest number of wrong classes to try.
        keep: As for :class:`PGD`.
    """

    steps: int = 100
    targets: int = 9
    keep: APGDKeep = "first"
    for_learning: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Name in titles and records."""
        return "apgd-t"

    @property
    def passes(self) -> int:
        """Two for each gradient towards each target class."""
        return 2 * self.steps * self.targets

    def __call__(self, target: Target) -> Result:
        return Result(
            targeted_apgd(
                *target[:4],
                steps=self.steps,
                targets=self.targets,
                keep=self.keep,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.steps}{options_suffix(self)}"
