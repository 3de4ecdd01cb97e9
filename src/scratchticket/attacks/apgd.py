"""Auto-PGD (Croce and Hein, 2020, arXiv:2003.01690): PGD that chooses its step by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from math import ceil
from typing import ClassVar

import torch
from torch import Tensor

from scratchticket.attacks.balls import Ball, per_image
from scratchticket.attacks.gradient import Found, Network, input_gradient
from scratchticket.attacks.losses import Loss, cross_entropy, targeted_dlr, wrong
from scratchticket.attacks.method import Result, Settings, Target, again, ending
from scratchticket.attacks.pgd import Ending

Goal = Callable[[Tensor, Tensor], Tensor]  # from logits and positions of images to losses
MOMENTUM = 0.75  # weight of the new step against the last one
IMPROVING = 0.75  # share of steps that must raise the loss, else the step is halved
FIRST, SHORTER, SHORTEST = 0.22, 0.03, 0.06  # periods between checks, as shares of all steps


def checkpoints(steps: int) -> list[int]:
    """Return after which steps the step size is reconsidered (Croce and Hein, Sec. 3.2).

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
    """Where the search of each image stands: tensors of one row per image still searched for."""

    rows: Tensor  # positions of the images among those given
    images: Tensor
    current: Tensor
    previous: Tensor
    gradient: Tensor  # at the current point
    loss: Tensor  # at the current point
    step: Tensor
    best: Tensor  # point of the largest loss
    best_gradient: Tensor
    best_loss: Tensor
    best_then: Tensor  # best loss at the last check
    rises: Tensor  # steps since the last check that raised the loss
    halved: Tensor  # whether the step was halved at the last check

    def only(self, chosen: Tensor) -> _Search:
        """Return the search of some of the images."""
        return _Search(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def move(self, ball: Ball, momentum: float) -> Tensor:
        """Return the next points: a step, and a part of the last one once more."""
        ahead = ball.project(ball.ascend(self.current, self.gradient, self.step), self.images)
        if momentum == 1:
            return ahead
        mixed = self.current + momentum * (ahead - self.current)
        mixed += (1 - momentum) * (self.current - self.previous)
        return ball.project(mixed, self.images)

    def arrive(self, points: Tensor, gradient: Tensor, losses: Tensor) -> None:
        """Take the next points as the current ones."""
        self.rises += losses > self.loss
        self.previous, self.current = self.current, points
        self.gradient, self.loss = gradient, losses
        better = losses > self.best_loss
        chosen = per_image(better, points)
        self.best = torch.where(chosen, points, self.best)
        self.best_gradient = torch.where(chosen, gradient, self.best_gradient)
        self.best_loss = torch.where(better, losses, self.best_loss)

    def check(self, length: int) -> None:
        """Halve the steps that are too long, and go on from the best point there.

        Too long is a step that raised the loss in too few of the last ``length`` steps, or that was
        not halved at the last check and has found nothing better since (Conditions 1 and 2).
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
    keep: Ending = "first",
    error: Loss = wrong,
) -> Tensor:
    """Auto-PGD (Croce and Hein, 2020, Algorithm 1).

    The step starts at two epsilon and is halved, image by image, where the loss stops growing; the
    search then goes on from the best point so far. It has no parameter to tune but its length.

    Args:
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Where the adversarial images may lie.
        steps: Number of steps, each one gradient evaluation.
        loss: What is ascended.
        generator: Draws the random starts.
        restarts: How often to begin anew.
        keep: ``first``, ``worst`` or ``best``, as in :func:`scratchticket.attacks.pgd`; here
            ``first`` is ``worst``.
        error: As there.

    Returns:
        Adversarial images, detached.
    """
    images, found = images.detach(), Found(images, labels, error)
    for _ in range(restarts):
        _ascend(
            network,
            images,
            lambda logits, rows: loss(logits, labels[rows]),
            ball,
            steps=steps,
            start=ball.random_start(images, generator),
            found=found,
            keep=keep,
        )
    return found.images


def targeted_apgd(  # noqa: PLR0913
    network: Network,
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    *,
    steps: int = 100,
    targets: int = 9,
    generator: torch.Generator,
    keep: Ending = "first",
) -> Tensor:
    """Auto-PGD towards one wrong class after another (Croce and Hein, 2020): APGD-T.

    Args:
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Where the adversarial images may lie.
        steps: Number of steps per class.
        targets: How many of the most likely wrong classes to try; no more than there are.
        generator: Draws the random starts.
        keep: As in :func:`apgd`.

    Returns:
        Adversarial images, detached.

    Raises:
        InputError: If there are fewer than four classes.
    """
    images, found = images.detach(), Found(images, labels)
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
            found=found,
            keep=keep,
        )
    return found.images


def _towards(labels: Tensor, aims: Tensor) -> Goal:
    """Return the loss that leads every image towards a class of its own."""
    return lambda logits, rows: targeted_dlr(logits, labels[rows], aims[rows])


def _ascend(  # noqa: PLR0913
    network: Network,
    images: Tensor,
    goal: Goal,
    ball: Ball,
    *,
    steps: int,
    start: Tensor,
    found: Found,
    keep: Ending,
) -> None:
    """Search once from given points, handing every iterate to ``found``.

    Args:
        network: Pixels in [0, 1] to logits.
        images: All images.
        goal: What is ascended.
        ball: Where the adversarial images may lie.
        steps: Number of steps.
        start: Where to begin, for all images.
        found: What is known so far.
        keep: Unless ``best``, images leave when they are fooled.
    """
    rows = torch.arange(len(images), device=images.device) if keep == "best" else found.open
    if len(rows) == 0:
        return

    def at(points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        gradient, logits, losses = input_gradient(network, points, rows, goal)
        return gradient, losses, found.offer(rows, points, logits, losses)

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
    """Auto-PGD (Croce and Hein, 2020), by this package; see :func:`apgd`.

    Attributes:
        steps: Gradient evaluations.
        loss: As of :class:`PGD`.
        restarts: Random starts.
        keep: As of :class:`PGD`.
    """

    steps: int = 100
    loss: str = "ce"
    restarts: int = 1
    keep: Ending = "first"
    only_judging: ClassVar[tuple[str, ...]] = ("restarts", "keep")

    @property
    def name(self) -> str:
        """What it is called."""
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
        return f"{self.name}-{self.steps}{again(self.restarts)}{ending(self)}"


@dataclass(frozen=True)
class TargetedAPGD(Settings):
    """Auto-PGD towards the most likely wrong classes; see :func:`targeted_apgd`.

    Attributes:
        steps: Gradient evaluations per class.
        targets: Classes to aim at.
        keep: As of :class:`PGD`.
    """

    steps: int = 100
    targets: int = 9
    keep: Ending = "first"
    learns: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """What it is called."""
        return "apgd-t"

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
        return f"{self.name}-{self.steps}{ending(self)}"
