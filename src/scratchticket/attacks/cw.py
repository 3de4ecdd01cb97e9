"""The nearest adversarial image in the Euclidean norm (Carlini and Wagner, 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from scratchticket.attacks.balls import Norm, euclidean, per_image
from scratchticket.attacks.gradient import Network, input_gradient
from scratchticket.attacks.losses import margin
from scratchticket.attacks.method import Result, Settings, Target

_INSIDE = 1 - 1e-6  # of tanh, so that its inverse is finite at pixels 0 and 1
_LARGEST = 1e10  # of the constant


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
    """Look for the nearest image that fools the network: CW-L2 (arXiv:1608.04644, Sec. V).

    Adam descends ``distance**2 + c * max(confidence - margin, 0)`` over images written as tanh, so
    that they stay in [0, 1]; the balance c is searched for every image on its own, tenfold up until
    it succeeds, then by bisection. The attack knows no epsilon: whoever counts compares distances.

    Args:
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        search_steps: How many values of c to try. The paper sets 1, at ``constant=0.1``.
        steps: Steps of Adam for each c.
        learning_rate: Of Adam, in the tanh space. The usual 0.01 (the paper's) leaves black and
            white pixels, whose tanh is far out, where they are for hundreds of steps; with 0.1 the
            distances after 100 steps are those of 0.01 after 1,000.
        constant: The first c.
        confidence: Margin to reach, in logits.

    Returns:
        The nearest adversarial image that was met, for each image; where none was, the image
        itself. Detached.
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
            point.grad = (pull - push) * 2 * chain * (1 - chain)  # of tanh, in pixels
            adam.step()
        high = torch.where(reached, balance.minimum(high), high)
        low = torch.where(reached, low, balance.maximum(low))
        bounded = high < _LARGEST
        balance = torch.where(bounded, (low + high) / 2, balance * 10)
    return nearest


def _pixels(point: Tensor) -> Tensor:
    """Return the image a point of the tanh space stands for."""
    return (torch.tanh(point) + 1) / 2


@dataclass(frozen=True)
class CarliniWagner(Settings):
    """The nearest adversarial image (Carlini and Wagner, 2017); see :func:`carlini_wagner`.

    Attributes:
        search_steps: How often the balance of distance and misclassification is changed, image by
            image.
        steps: Of each search.
        learning_rate: Of Adam.
        constant: Weight of misclassification in the first search.
    """

    search_steps: int = 5
    steps: int = 100
    learning_rate: float = 0.1
    constant: float = 1.0
    nearest: ClassVar[bool] = True
    learns: ClassVar[bool] = False
    norms: ClassVar[tuple[Norm, ...]] = ("l2",)

    @property
    def name(self) -> str:
        """What it is called."""
        return "cw-l2"

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
