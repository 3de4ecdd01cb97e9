"""Gradient attacks. FGSM, FGSM-RS and PGD-k are one function with different arguments."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from scratchticket.attacks.balls import Ball

Network = Callable[[Tensor], Tensor]


def _input_gradient(network: Network, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient of the summed cross-entropy with respect to the images, and the logits.

    Summed, so that an image's gradient does not depend on what else is in its batch.
    """
    images = images.detach().requires_grad_()
    with torch.enable_grad():
        logits = network(images)
        loss = F.cross_entropy(logits, labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, images)
    return gradient, logits.detach()


def pgd(  # noqa: PLR0913
    network: Network,
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    *,
    step_size: float,
    steps: int,
    generator: torch.Generator | None = None,
    stop_when_fooled: bool = False,
) -> Tensor:
    """Projected gradient descent (Madry et al., 2018, arXiv:1706.06083): Eq. 2 of the paper.

    With ``steps=1`` and ``step_size=epsilon`` this is FGSM (Goodfellow et al., 2015); with a
    generator and ``step_size=1.25 * epsilon`` it is FGSM-RS (Wong et al., 2020).

    Args:
        network: Pixels in [0, 1] to logits. Its parameters need not require gradients, and get
            none.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Where the adversarial images may lie.
        step_size: Length of a step in the ball's norm, in the unit of the pixels.
        steps: Number of gradient evaluations.
        generator: Draws the random start; without one the search starts at the images themselves.
        stop_when_fooled: Leave an image alone from the first iterate the network gets wrong, and
            spend nothing on it any more. Fair against this very network, as the released code's
            evaluation does; too weak for images that are meant to fool another network.

    Returns:
        The last iterate of each image (the first that fools, with ``stop_when_fooled``), detached.
    """
    images = images.detach()
    adversarial = images if generator is None else ball.random_start(images, generator)
    if not stop_when_fooled:
        for _ in range(steps):
            gradient, _ = _input_gradient(network, adversarial, labels)
            adversarial = ball.project(ball.ascend(adversarial, gradient, step_size), images)
        return adversarial

    adversarial = adversarial.clone()
    active = torch.arange(len(images), device=images.device)
    for _ in range(steps):
        gradient, logits = _input_gradient(network, adversarial[active], labels[active])
        correct = logits.argmax(dim=1) == labels[active]
        active, gradient = active[correct], gradient[correct]
        if len(active) == 0:
            break
        moved = ball.ascend(adversarial[active], gradient, step_size)
        adversarial[active] = ball.project(moved, images[active])
    return adversarial
