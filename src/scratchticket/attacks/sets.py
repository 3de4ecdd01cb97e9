"""Attacks on a set of networks of which one answers, drawn at random: what a switch must resist.

The attacker knows every network and how likely it is, but not which one will answer. Networks are
seen together: from images to logits of shape ``(batch, network, class)``.
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
CLAMP = 0.1  # of a margin, in standard deviations of the logits: fooled clearly enough
_TINY = 1e-12


class Together:
    """Several networks as one callable.

    Args:
        networks: Each from pixels in [0, 1] to logits. One that answers at random may stand here
            several times: it is asked as often, and attacks take the mean over its answers.

    Attributes:
        networks: The same.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self.networks = tuple(networks)

    def __call__(self, images: Tensor) -> Tensor:
        """Return all logits: ``(batch, network, class)``."""
        return torch.stack([network(images) for network in self.networks], dim=1)


def answer(networks: Callable[[int], Network], drawn: Tensor, images: Tensor) -> Tensor:
    """Return what a network drawn for each image says of it: logits, ``(batch, class)``.

    Args:
        networks: Gives a network by its number; asked in rising order.
        drawn: Number of the network for each image, int64, ``(batch,)``, on the CPU.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
    """
    order = drawn.argsort(stable=True)
    rows = torch.split(order.to(images.device), drawn.bincount().tolist())
    parts = [networks(number)(images[own]) for number, own in enumerate(rows) if len(own)]
    return torch.cat(parts)[order.argsort().to(images.device)]


def drawn_anew(
    networks: Sequence[Network], probabilities: Tensor, generator: torch.Generator
) -> Network:
    """Return a network that answers every image, every time, with one drawn at random."""

    def network(images: Tensor) -> Tensor:
        chances = probabilities.float()
        drawn = torch.multinomial(chances, len(images), replacement=True, generator=generator)
        return answer(networks.__getitem__, drawn, images)

    return network


def each(loss: Loss, logits: Tensor, labels: Tensor) -> Tensor:
    """Return a loss of every network: ``(batch, network)``."""
    batch, networks, classes = logits.shape
    repeated = labels[:, None].expand(batch, networks).reshape(-1)
    return loss(logits.reshape(-1, classes), repeated).view(batch, networks)


def scaled_margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Return every network's margin in standard deviations of its logits: ``(batch, network)``."""
    return each(margin, logits, labels) / (logits.detach().std(dim=2) + _TINY)


def expected(loss: Loss, probabilities: Tensor) -> Loss:
    """Return the expectation of a loss over networks, from their logits together."""

    def over_all(logits: Tensor, labels: Tensor) -> Tensor:
        return each(loss, logits, labels) @ probabilities.to(logits)

    return over_all


def expected_error(probabilities: Tensor) -> Loss:
    """Return the function from all logits to the probability that the answer is wrong."""

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
    """Return a loss of all networks together.

    Args:
        name: ``eot``: the expected cross-entropy, so that its gradient is the expectation over
            the networks (Athalye et al., 2018; Sec. 6.3 of the paper). ``mean-probabilities``,
            ``mean-logits``: the cross-entropy of the averaged prediction, which the paper calls
            *Ensemble*. ``clamped-margin``: the expected margin in standard deviations of each
            network's logits, no further than clearly fooled, so that no gradient is spent on
            networks that are fooled already.
        probabilities: Of the networks, ``(network,)``.
        samples: Of ``eot`` alone: draw so many networks for every image and evaluation instead of
            taking the exact mean.
        generator: Draws them.

    Raises:
        InputError: If there is no such loss.
    """
    mean_loss = expected(cross_entropy, probabilities)

    def eot(logits: Tensor, labels: Tensor) -> Tensor:
        if samples is None:
            return mean_loss(logits, labels)
        chances = probabilities.to(logits)
        drawn = torch.multinomial(
            chances.expand(len(logits), -1), samples, replacement=True, generator=generator
        )
        losses = each(cross_entropy, logits, labels)
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
    """Return probabilities of so many networks, equal ones if not given: float64, ``(count,)``.

    Raises:
        InputError: If they are not as many, negative, or do not add up to 1.
    """
    if probabilities is None:
        return torch.full((count,), 1 / count, dtype=torch.float64)
    given = torch.tensor(probabilities, dtype=torch.float64)
    if len(given) != count:
        raise InputError(f"there are {count} networks but {len(given)} probabilities")
    if not bool((given >= 0).all()) or abs(float(given.sum()) - 1) > 1e-6:
        raise InputError(f"probabilities must be at least 0 and add up to 1, got {probabilities}")
    return given / given.sum()
