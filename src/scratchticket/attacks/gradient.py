"""What gradient attacks share: the gradient of the images, and the best ones found so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from scratchticket.attacks.losses import Loss, wrong
from scratchticket.base.errors import NoGradient

Network = Callable[[Tensor], Tensor]


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
