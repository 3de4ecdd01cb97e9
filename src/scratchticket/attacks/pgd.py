"""Projected gradient descent with a fixed step size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from scratchticket.attacks.balls import Ball, per_image
from scratchticket.attacks.gradient import BestSoFar, Network, input_gradient, logits_and_losses
from scratchticket.attacks.losses import Loss, cross_entropy, wrong
from scratchticket.attacks.method import Result, Stepping, Target, options_suffix, restarts_suffix
from scratchticket.base.errors import InputError

Keep = Literal["last", "first", "worst", "best"]


@dataclass(frozen=True)
class PGD(Stepping):
    """Projected gradient descent (Madry et al., 2018); see :func:`pgd`.

    Attributes:
        steps: Number of gradient evaluations.
        step_size: Length of a step as text. If not given, 2/255 at l-inf 8/255, else 2.5 epsilon /
            steps.
        loss: ``ce``, ``margin`` (CW-Inf in tables), ``dlr`` or ``scaled-ce``.
        restarts: Number of random starts; images already fooled are not attacked again.
        random_start: Whether to start at a random point of the ball instead of the image. (FGSM
            with a random start steps 1.25 epsilon.)
        keep: Which iterate to return: ``first``, the first that fools the network; ``worst`` or
            ``best``, a fooling one of the largest loss; or ``last``. See :func:`pgd`.
        momentum: Decay factor of the accumulated gradient; None for no momentum.
    """

    loss: str = "ce"
    restarts: int = 1
    random_start: bool = True
    keep: Keep = "first"
    momentum: float | None = None
    evaluation_only: ClassVar[tuple[str, ...]] = ("restarts", "keep")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.restarts > 1 and self.keep == "last":
            raise InputError("restarts need keep=first, worst or best")
        if self.restarts > 1 and not self.random_start:
            raise InputError("restarts need random_start, or they would all be the same")

    @property
    def name(self) -> str:
        """Name in titles and records."""
        kind = "pgd" if self.momentum is None else "momentum-pgd"
        return kind if self.loss == "ce" else f"{self.loss}-{kind}"

    def __call__(self, target: Target) -> Result:
        search = self.search(target)
        if target.learning:
            start = target.random_start(target.ball) if self.random_start else None
            search |= {"keep": "last", "generator": None, "start": start}
        return Result(pgd(*target[:4], loss=target.loss(self.loss), **search))

    def path(self, target: Target) -> Iterator[Tensor]:
        """Yield the iterate after each step of one search."""
        start = target.random_start(target.ball) if self.random_start else target.images
        yield from iterates(
            *target[:4],
            start,
            self.length,
            self.steps,
            loss=target.loss(self.loss),
            momentum=self.momentum or 0.0,
        )

    def search(self, target: Target) -> dict[str, Any]:
        """Return the arguments of :func:`pgd` that follow from the settings, except the loss."""
        return {
            "step_size": self.length,
            "steps": self.steps,
            "generator": target.generator if self.random_start else None,
            "restarts": self.restarts,
            "keep": self.keep,
            "momentum": self.momentum or 0.0,
        }

    def __str__(self) -> str:
        return f"{self.name}-{self.steps}{restarts_suffix(self.restarts)}{options_suffix(self)}"


def pgd(  # noqa: PLR0913
    network: Network,
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    *,
    step_size: float,
    steps: int,
    loss: Loss = cross_entropy,
    generator: torch.Generator | None = None,
    restarts: int = 1,
    keep: Keep = "last",
    momentum: float = 0.0,
    error: Loss = wrong,
    start: Tensor | None = None,
) -> Tensor:
    """Attack with projected gradient descent (Madry et al., 2018, arXiv:1706.06083; Eq. 2).

    With ``steps=1`` and ``step_size=epsilon`` this is FGSM (Goodfellow et al., 2015); with a
    generator and ``step_size=1.25 * epsilon`` it is FGSM-RS (Wong et al., 2020); with the margin
    loss it is the attack that tables call CW-Inf.

    Args:
        network: Pixels in [0, 1] to logits. Its parameters get no gradients.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Threat model, the ball around each image.
        step_size: Length of a step in the ball's norm, in the unit of the pixels.
        steps: Number of gradient evaluations.
        loss: Loss to maximise.
        generator: Draws the random starts; without one the search starts at the images themselves.
        restarts: Number of random starts; more than one needs a generator.
        keep: Which iterate to return, and when to stop searching for an image. ``last``: the
            iterate after all steps. ``first``: the first that fools the network, else the last;
            the search stops there, so such images transfer poorly to other networks. ``worst``:
            the iterate of the largest error and, among equal errors, of the largest loss; the
            search stops at error 1. ``best``: as ``worst``, but the search never stops early.
        momentum: Decay factor of the accumulated gradient, in which each gradient is divided by
            its mean absolute value (MI-FGSM, Dong et al., 2018, arXiv:1710.06081). It improves
            transfer.
        error: Function of logits and labels that returns errors in [0, 1]; by default the 0-1
            error of one network.
        start: Starting point instead of a random one; excludes restarts.

    Returns:
        Adversarial images, detached.

    Raises:
        ValueError: If ``restarts`` is above 1 and there is no generator, there is a ``start``, or
            ``keep`` is ``last``.
    """
    if restarts > 1 and (generator is None or keep == "last" or start is not None):
        raise ValueError("restarts need a generator, no start, and keep='first', 'worst' or 'best'")

    images = images.detach()

    def first_iterate() -> Tensor:
        if start is not None:
            return start
        return images if generator is None else ball.random_start(images, generator)

    if keep == "last":
        last = first_iterate()
        for last in iterates(  # noqa: B007, B020  (only the last iterate is needed)
            network, images, labels, ball, last, step_size, steps, loss=loss, momentum=momentum
        ):
            pass
        return last

    best = BestSoFar(images, labels, error)
    for restart in range(restarts):
        first = first_iterate()
        active = (
            torch.arange(len(images), device=images.device) if keep == "best" else best.unfooled
        )
        current = first[active]
        velocity = torch.zeros_like(current)
        for _ in range(steps):
            if len(active) == 0:
                break
            here, truth = images[active], labels[active]
            gradient, logits, losses = input_gradient(network, current, truth, loss)
            fooled = best.update(active, current, logits, losses)
            if keep != "best":
                active, current, here = active[~fooled], current[~fooled], here[~fooled]
                gradient, velocity = gradient[~fooled], velocity[~fooled]
            velocity = _step_direction(velocity, gradient, momentum)
            current = ball.project(ball.ascend(current, velocity, step_size), here)
        if len(active) == 0:
            break
        if keep != "first" or restart < restarts - 1:
            logits, losses = logits_and_losses(network, current, labels[active], loss)
            best.update(active, current, logits, losses)
        else:
            best.images[active] = current
    return best.images


def iterates(  # noqa: PLR0913, PLR0917
    network: Network,
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    start: Tensor,
    step_size: float,
    steps: int,
    *,
    loss: Loss = cross_entropy,
    momentum: float = 0.0,
) -> Iterator[Tensor]:
    """Yield the iterate of :func:`pgd` after each step of one search.

    Args:
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Threat model, the ball around each image.
        start: Starting point, not yielded.
        step_size: Length of a step.
        steps: Number of steps.
        loss: Loss to maximise.
        momentum: As for :func:`pgd`.

    Yields:
        Adversarial images, detached.
    """
    current, velocity = start, torch.zeros_like(images)
    for _ in range(steps):
        gradient, _, _ = input_gradient(network, current, labels, loss)
        velocity = _step_direction(velocity, gradient, momentum)
        current = ball.project(ball.ascend(current, velocity, step_size), images)
        yield current


def _step_direction(velocity: Tensor, gradient: Tensor, momentum: float) -> Tensor:
    """Return the direction of the next step: the gradient, with momentum if not 0."""
    if momentum == 0:
        return gradient
    size = gradient.abs().flatten(1).mean(dim=1).clamp_min_(torch.finfo(gradient.dtype).tiny)
    return velocity.mul(momentum).add_(gradient / per_image(size, gradient))
