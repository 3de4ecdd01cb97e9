"""Parts shared by attacks: the input gradient, and the best adversarial images so far."""

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
    """Return the input gradient of the summed loss, the logits, and the losses.

    The loss is summed, not averaged, so that no image's gradient depends on the rest of the batch.

    Raises:
        NoGradient: If the losses are not differentiable with respect to the images.
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
            "no gradient of the network's logits reaches its images, but this attack needs one; "
            "does the network use no_grad, detach or argmax?"
        )
    return gradient, logits.detach(), losses.detach()


@contextmanager
def frozen(network: Network) -> Iterator[None]:
    """Disable gradients of a module's parameters inside the context."""
    parameters = list(network.parameters()) if isinstance(network, nn.Module) else []
    before = [parameter.requires_grad for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, required in zip(parameters, before, strict=True):
            parameter.requires_grad_(required)


def logits_and_losses(
    network: Network, images: Tensor, labels: Tensor, loss: Loss
) -> tuple[Tensor, Tensor]:
    """Return the logits and losses of images, without gradients."""
    with torch.no_grad():
        logits = network(images)
        return logits, loss(logits, labels)


class BestSoFar:
    """Keeps the best adversarial image found so far for each image of a batch.

    Args:
        images: The original images, which count as the best until the first update.
        labels: int64, ``(batch,)``.
        error: Function of logits and labels that returns errors in [0, 1]: 0 or 1 for one network,
            the probability of a wrong answer for a set.

    Attributes:
        images: The best adversarial images so far.
    """

    def __init__(self, images: Tensor, labels: Tensor, error: Loss = wrong) -> None:
        self.images, self._labels, self._error = images.clone(), labels, error
        self._best_error = torch.zeros(len(images), device=images.device)
        self._best_loss = torch.full((len(images),), -torch.inf, device=images.device)

    @property
    def unfooled(self) -> Tensor:
        """Indices of the images whose error is still below 1: int64."""
        return (~all_fooled(self._best_error)).nonzero().squeeze(1)

    def update(self, active: Tensor, current: Tensor, logits: Tensor, losses: Tensor) -> Tensor:
        """Keep each iterate that is better than the best so far.

        Args:
            active: Indices of the images the iterates belong to.
            current: The iterates.
            logits: Logits of the iterates.
            losses: Losses of the iterates.

        Returns:
            Whether each iterate has error 1: bool.
        """
        error = self._error(logits, self._labels[active])
        self.keep_better(active, current, error, losses)
        return all_fooled(error)

    def keep_better(self, active: Tensor, current: Tensor, error: Tensor, losses: Tensor) -> None:
        """Keep each iterate with a larger error, or with an equal error and a larger loss."""
        best_error = self._best_error[active]
        better = (error > best_error) | ((error == best_error) & (losses > self._best_loss[active]))
        chosen = active[better]
        self.images[chosen], self._best_loss[chosen] = current[better], losses[better]
        self._best_error[chosen] = error[better]


def all_fooled(error: Tensor) -> Tensor:
    """Return which errors are 1 up to rounding: every network that can be drawn is fooled."""
    return error > 1 - 1e-6
