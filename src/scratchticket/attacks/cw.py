"""The minimum-norm attack CW-L2 (Carlini and Wagner, 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from scratchticket.attacks.balls import Norm, euclidean, per_image
from scratchticket.attacks.gradient import Network, input_gradient
from scratchticket.attacks.losses import margin
from scratchticket.attacks.method import Result, Settings, Target

_INSIDE = 1 - 1e-6  # scale before the inverse tanh, so that it is finite at pixels 0 and 1
_LARGEST = 1e10  # largest value of the constant c


def carlini_wagner(  # noqa: PLR0913
    network: Network,
    images: Tensor,
    labels: Tensor,
    *,
    search_steps: int = 5,
    steps: int = 100,
    learning_rate: float = 0.1,
    constant: float = 1.0,
    confidence: float = 0.0,
) -> Tensor:
    """Search for the nearest adversarial image: CW-L2 (arXiv:1608.04644, Sec. V).

    Adam minimises ``distance**2 + c * max(confidence - margin, 0)`` in tanh space, so that pixels
    stay in [0, 1]. The constant c is chosen per image: it is multiplied by ten until the attack
    succeeds, then bisected. The attack takes no epsilon; the evaluation thresholds the distances.

    Args:
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        search_steps: Number of values of c to try. Fu et al. try one, ``constant=0.1``.
        steps: Steps of Adam for each c.
        learning_rate: Learning rate of Adam in tanh space. The usual 0.01 (also Fu et al.'s) hardly
            moves black and white pixels, where tanh is flat, for hundreds of steps; 0.1 reaches in
            100 steps the distances that 0.01 reaches in 1,000.
        constant: The first c.
        confidence: Margin to reach, in logits.

    Returns:
        The nearest adversarial image found, or the image itself if none was found; detached.
    """
    images = images.detach()
    nearest = images.clone()
    shortest = torch.full((len(images),), torch.inf, device=images.device)
    start = torch.atanh((2 * images - 1) * _INSIDE)
    origin = _pixels(start)
    balance = torch.full_like(shortest, constant)
    low, high = torch.zeros_like(balance), torch.full_like(balance, _LARGEST)
    for _ in range(search_steps):
        point = start.clone()
        adam = torch.optim.Adam([point], lr=learning_rate)
        reached = torch.zeros_like(labels, dtype=torch.bool)
        for step in range(steps + 1):
            chain = _pixels(point)
            slope, _, margins = input_gradient(network, chain, labels, margin)
            fooled = margins > confidence
            distance = euclidean(chain - images)
            closer = fooled & (distance < shortest)
            nearest[closer], shortest[closer] = chain[closer], distance[closer]
            reached |= fooled
            if step == steps:
                break
            pull = 2 * (chain - origin)
            push = per_image(torch.where(margins < confidence, balance, 0.0), images) * slope
            point.grad = (pull - push) * 2 * chain * (1 - chain)  # chain rule through tanh
            adam.step()
        high = torch.where(reached, balance.minimum(high), high)
        low = torch.where(reached, low, balance.maximum(low))
        bounded = high < _LARGEST
        balance = torch.where(bounded, (low + high) / 2, balance * 10)
    return nearest


def _pixels(point: Tensor) -> Tensor:
    """Return the image of a point in tanh space."""
    return (torch.tanh(point) + 1) / 2


@dataclass(frozen=True)
class CarliniWagner(Settings):
    """The nearest adversarial image (Carlini and Wagner, 2017); see :func:`carlini_wagner`.

    Attributes:
        search_steps: Number of values of the constant c tried per image.
        steps: Steps of Adam for each c.
        learning_rate: Learning rate of Adam.
        constant: First c: the weight of misclassification against distance.
    """

    search_steps: int = 5
    steps: int = 100
    learning_rate: float = 0.1
    constant: float = 1.0
    nearest: ClassVar[bool] = True
    for_learning: ClassVar[bool] = False
    norms: ClassVar[tuple[Norm, ...]] = ("l2",)

    @property
    def name(self) -> str:
        """Name in titles and records."""
        return "cw-l2"

    @property
    def passes(self) -> int:
        """Two for each step at each value of the constant."""
        return 2 * self.steps * self.search_steps

    def __call__(self, target: Target) -> Result:
        return Result(
            carlini_wagner(
                *target[:3],
                search_steps=self.search_steps,
                steps=self.steps,
                learning_rate=self.learning_rate,
                constant=self.constant,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.search_steps}x{self.steps}"
