"""Losses of a set of networks, one of which is drawn at random per inference, as in a switch.

The attacker knows every network and its probability, but not which one will be drawn. The set maps
images to logits of shape ``(batch, network, class)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from scratchticket.attacks.gradient import Network
from scratchticket.attacks.losses import Loss, cross_entropy, margin
from scratchticket.base.errors import InputError, unknown

SetLoss = Literal["eot", "mean-probabilities", "mean-logits", "clamped-margin"]
CLAMP = 0.1  # largest margin that counts, in standard deviations of the logits
_TINY = 1e-12


class NetworkSet:
    """Several networks as one callable.

    Args:
        networks: Each from pixels in [0, 1] to logits. A randomised network can be listed several
            times; attacks then average over that many of its outputs.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self.networks = tuple(networks)

    def __call__(self, images: Tensor) -> Tensor:
        """Return all logits: ``(batch, network, class)``."""
        return torch.stack([network(images) for network in self.networks], dim=1)


def answer(networks: Callable[[int], Network], drawn: Tensor, images: Tensor) -> Tensor:
    """Return each image's logits from the network drawn for it, ``(batch, class)``.

    Args:
        networks: Function from index to network, called with ascending indices.
        drawn: Index of the network for each image, int64, ``(batch,)``, on the CPU.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
    """
    order = drawn.argsort(stable=True)
    rows = torch.split(order.to(images.device), drawn.bincount().tolist())
    parts = [networks(number)(images[own]) for number, own in enumerate(rows) if len(own)]
    return torch.cat(parts)[order.argsort().to(images.device)]


def randomised_ensemble(
    networks: Sequence[Network], probabilities: Tensor, generator: torch.Generator
) -> Network:
    """Return a network that draws a member anew for every image of every call."""

    def network(images: Tensor) -> Tensor:
        chances = probabilities.float()
        drawn = torch.multinomial(chances, len(images), replacement=True, generator=generator)
        return answer(networks.__getitem__, drawn, images)

    return network


def per_network(loss: Loss, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of every network: ``(batch, network)``."""
    batch, networks, classes = logits.shape
    repeated = labels[:, None].expand(batch, networks).reshape(-1)
    return loss(logits.reshape(-1, classes), repeated).view(batch, networks)


def scaled_margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Return every network's margin in standard deviations of its logits: ``(batch, network)``."""
    return per_network(margin, logits, labels) / (logits.detach().std(dim=2) + _TINY)


def expected(loss: Loss, probabilities: Tensor) -> Loss:
    """Return the expectation of a loss over the networks of a set."""

    def over_all(logits: Tensor, labels: Tensor) -> Tensor:
        return per_network(loss, logits, labels) @ probabilities.to(logits)

    return over_all


def expected_error(probabilities: Tensor) -> Loss:
    """Return the function from a set's logits to the probability of misclassification."""

    def error(logits: Tensor, labels: Tensor) -> Tensor:
        fooled = (logits.argmax(dim=2) != labels[:, None]).to(logits.dtype)
        return fooled @ probabilities.to(logits)

    return error


def set_loss(
    name: SetLoss,
    probabilities: Tensor,
    *,
    samples: int | None = None,
    generator: torch.Generator | None = None,
) -> Loss:
    """Return a loss of a set of networks.

    Args:
        name: ``eot``: the expected cross-entropy, so that its gradient is the expectation over
            the networks (Athalye et al., 2018; Sec. 6.3 of the paper). ``mean-probabilities``,
            ``mean-logits``: the cross-entropy of the averaged prediction, which the paper calls
            *Ensemble*. ``clamped-margin``: the expected margin in standard deviations of each
            network's logits, clamped at :data:`CLAMP` so that networks already fooled get no
            gradient.
        probabilities: Probability of each network, ``(network,)``.
        samples: For ``eot`` only: number of networks drawn per image and gradient; the exact
            expectation if None.
        generator: Draws the samples.

    Raises:
        InputError: If the loss is unknown.
    """
    mean_loss = expected(cross_entropy, probabilities)

    def eot(logits: Tensor, labels: Tensor) -> Tensor:
        if samples is None:
            return mean_loss(logits, labels)
        chances = probabilities.to(logits)
        drawn = torch.multinomial(
            chances.expand(len(logits), -1), samples, replacement=True, generator=generator
        )
        losses = per_network(cross_entropy, logits, labels)
        return losses.gather(1, drawn).mean(dim=1)

    def mean_probabilities(logits: Tensor, labels: Tensor) -> Tensor:
        log_chances = probabilities.to(logits).clamp_min(_TINY).log()[:, None]
        mixed = (logits.log_softmax(dim=2) + log_chances).logsumexp(dim=1)
        return -mixed.gather(1, labels[:, None]).squeeze(1)

    def mean_logits(logits: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(torch.einsum("bnc,n->bc", logits, probabilities.to(logits)), labels)

    def clamped_margin(logits: Tensor, labels: Tensor) -> Tensor:
        return scaled_margin(logits, labels).clamp_max(CLAMP) @ probabilities.to(logits)

    losses: dict[str, Loss] = {
        "eot": eot,
        "mean-probabilities": mean_probabilities,
        "mean-logits": mean_logits,
        "clamped-margin": clamped_margin,
    }
    if name not in losses:
        raise unknown("loss", name, losses)
    return losses[name]


def chances(probabilities: Sequence[float] | None, count: int) -> Tensor:
    """Return the probabilities of ``count`` networks, uniform if None: float64, ``(count,)``.

    Raises:
        InputError: If their number is wrong, one is negative, or they do not add up to 1.
    """
    if probabilities is None:
        return torch.full((count,), 1 / count, dtype=torch.float64)
    given = torch.tensor(probabilities, dtype=torch.float64)
    if len(given) != count:
        raise InputError(f"there are {count} networks but {len(given)} probabilities")
    if not bool((given >= 0).all()) or abs(float(given.sum()) - 1) > 1e-6:
        raise InputError(f"probabilities must be at least 0 and add up to 1, got {probabilities}")
    return given / given.sum()
