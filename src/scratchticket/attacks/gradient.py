"""Gradient attacks with a fixed step. FGSM, FGSM-RS and PGD-k are one function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from scratchticket.attacks.balls import Ball, per_image
from scratchticket.attacks.losses import Loss, cross_entropy, wrong
from scratchticket.base.errors import NoGradient

Network = Callable[[Tensor], Tensor]
Ending = Literal["first", "worst", "best"]
Keep = Literal["last", "first", "worst", "best"]


def input_gradient(
    network: Network, images: Tensor, labels: Tensor, loss: Loss
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradient of the summed loss with respect to the images, the logits, the losses.

    Summed, so that an image's gradient does not depend on what else is in its batch.

    Raises:
        NoGradient: If the losses do not depend on the images in a way that can be differentiated.
    """
    images = images.detach().requires_grad_()
    with torch.enable_grad():
        logits = network(images)
        losses = loss(logits, labels)
        total = losses.sum()
    gradient = None
    if total.requires_grad:
        (gradient,) = torch.autograd.grad(total, images, allow_unused=True)
    if gradient is None:
        raise NoGradient(
            "no gradient of the network's logits reaches its images, and this attack needs one: is "
            "there a no_grad, detach or argmax in it?"
        )
    return gradient, logits.detach(), losses.detach()


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
    """Projected gradient descent (Madry et al., 2018, arXiv:1706.06083): Eq. 2 of the paper.

    With ``steps=1`` and ``step_size=epsilon`` this is FGSM (Goodfellow et al., 2015); with a
    generator and ``step_size=1.25 * epsilon`` it is FGSM-RS (Wong et al., 2020); with the margin as
    loss it is what tables call CW-Inf.

    Args:
        network: Pixels in [0, 1] to logits. Its parameters need not require gradients, and get
            none.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Where the adversarial images may lie.
        step_size: Length of a step in the ball's norm, in the unit of the pixels.
        steps: Number of gradient evaluations.
        loss: What is ascended.
        generator: Draws the random starts; without one the search starts at the images themselves.
        restarts: How often to begin anew; needs a generator if more than once.
        keep: Which iterate to return. ``last``: the one after all steps. ``first``: the first the
            network gets wrong, else the last; an image that is fooled costs nothing any more. Fair
            against this very network, too weak for images meant to fool another one. ``worst``: the
            one of the largest error, and among these of the largest loss; an image that is fooled
            costs nothing any more. ``best``: the same, but fooled images stay to the end.
        momentum: Share of the earlier gradients, each divided by its mean absolute value, in the
            direction of a step (Dong et al., 2018, arXiv:1710.06081), for images meant to fool
            another network.
        error: What part of the network is fooled, from 0 to 1: of one network 0 or 1.
        start: Where the search begins instead of a random start; with one search only.

    Returns:
        Adversarial images, detached.

    Raises:
        ValueError: If there are restarts with nothing to tell them apart.
    """
    if restarts > 1 and (generator is None or keep == "last" or start is not None):
        raise ValueError("restarts need a generator, no start, and keep='first' or 'best'")

    images = images.detach()

    def begun() -> Tensor:
        if start is not None:
            return start
        return images if generator is None else ball.random_start(images, generator)

    if keep == "last":
        last = begun()
        for last in iterates(  # noqa: B007, B020  (only the last one counts)
            network, images, labels, ball, last, step_size, steps, loss=loss, momentum=momentum
        ):
            pass
        return last

    found = Found(images, labels, error)
    for restart in range(restarts):
        first = begun()
        active = torch.arange(len(images), device=images.device) if keep == "best" else found.open
        current = first[active]
        velocity = torch.zeros_like(current)
        for _ in range(steps):
            if len(active) == 0:
                break
            here, truth = images[active], labels[active]
            gradient, logits, losses = input_gradient(network, current, truth, loss)
            fooled = found.offer(active, current, logits, losses)
            if keep != "best":
                active, current, here = active[~fooled], current[~fooled], here[~fooled]
                gradient, velocity = gradient[~fooled], velocity[~fooled]
            velocity = _faster(velocity, gradient, momentum)
            current = ball.project(ball.ascend(current, velocity, step_size), here)
        if len(active) == 0:
            break
        if keep != "first" or restart < restarts - 1:
            logits, losses = judged(network, current, labels[active], loss)
            found.offer(active, current, logits, losses)
        else:
            found.images[active] = current
    return found.images


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
    """Yield what :func:`pgd` reaches after each step of one search.

    Args:
        network: As of :func:`pgd`, as are the others.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Where the iterates lie.
        start: Where the search begins; it is not yielded.
        step_size: Length of a step.
        steps: How many are yielded.
        loss: What is ascended.
        momentum: Share of the earlier gradients.

    Yields:
        Adversarial images, detached.
    """
    current, velocity = start, torch.zeros_like(images)
    for _ in range(steps):
        gradient, _, _ = input_gradient(network, current, labels, loss)
        velocity = _faster(velocity, gradient, momentum)
        current = ball.project(ball.ascend(current, velocity, step_size), images)
        yield current


def _faster(velocity: Tensor, gradient: Tensor, momentum: float) -> Tensor:
    """Return the direction of the next step."""
    if momentum == 0:
        return gradient
    size = gradient.abs().flatten(1).mean(dim=1).clamp_min_(torch.finfo(gradient.dtype).tiny)
    return velocity.mul(momentum).add_(gradient / per_image(size, gradient))


@contextmanager
def frozen(network: Network) -> Iterator[None]:
    """Take a module's parameters out of the graph: no gradient is computed for them, or added."""
    parameters = list(network.parameters()) if isinstance(network, nn.Module) else []
    before = [parameter.requires_grad for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, required in zip(parameters, before, strict=True):
            parameter.requires_grad_(required)


def judged(network: Network, images: Tensor, labels: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    """Return logits and losses of images, without a gradient."""
    with torch.no_grad():
        logits = network(images)
        return logits, loss(logits, labels)


class Found:
    """The best adversarial image found so far for each image.

    Args:
        images: Where the search begins: the images themselves.
        labels: int64, ``(batch,)``.
        error: What part of the network is fooled, from 0 to 1.
    """

    def __init__(self, images: Tensor, labels: Tensor, error: Loss = wrong) -> None:
        self.images, self._labels, self._error = images.clone(), labels, error
        self._largest = torch.zeros(len(images), device=images.device)
        self._highest = torch.full((len(images),), -torch.inf, device=images.device)

    @property
    def open(self) -> Tensor:
        """Positions of the images that no iterate has fooled the whole network with: int64."""
        return (~whole(self._largest)).nonzero().squeeze(1)

    def offer(self, active: Tensor, current: Tensor, logits: Tensor, losses: Tensor) -> Tensor:
        """Take the iterates that are better than what is known of their images.

        Args:
            active: Positions of the images the iterates belong to.
            current: The iterates.
            logits: What the network says of them.
            losses: Their losses.

        Returns:
            Which of them fool the whole network: bool.
        """
        error = self._error(logits, self._labels[active])
        self.take(active, current, error, losses)
        return whole(error)

    def take(self, active: Tensor, current: Tensor, error: Tensor, losses: Tensor) -> None:
        """Take the iterates of a larger error, and among equal ones of a larger loss."""
        known = self._largest[active]
        better = (error > known) | ((error == known) & (losses > self._highest[active]))
        chosen = active[better]
        self.images[chosen], self._highest[chosen] = current[better], losses[better]
        self._largest[chosen] = error[better]


def whole(error: Tensor) -> Tensor:
    """Whether an error is 1, but for rounding."""
    return error > 1 - 1e-6
