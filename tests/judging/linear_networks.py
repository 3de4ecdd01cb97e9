"""Linear networks whose worst images are known, and images that the first of them gets right."""

from __future__ import annotations

import torch
from tests.attacks.networks import Linear
from torch import Tensor, nn

import scratchticket as st
from scratchticket.data import ImageSet
from scratchticket.judging.subject import Subject


class Turned(nn.Module):
    """The linear network that looks at the pixels in reverse: its score is nearly the opposite."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = Linear(64)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(images.flip(-1, -2))


class Half(Linear):
    """The linear network that sees the upper or the lower half of the pixels only."""

    def __init__(self, upper: bool) -> None:
        super().__init__(64)
        seen = (torch.arange(64) < 32) == upper
        self.weight.data *= seen


def known_images(count: int = 40, seed: int = 0) -> ImageSet:
    """Return images away from black and white, labelled as :class:`Linear` sees them."""
    draws = torch.Generator().manual_seed(seed)
    drawn = torch.randint(60, 200, (count, 1, 8, 8), generator=draws)
    return ImageSet(drawn.to(torch.uint8), Linear(64)(drawn / 255).argmax(dim=1))


def known_data(test: ImageSet | None = None) -> st.Data:
    """Return data of five classes whose test images are known."""
    parts = known_images(20, seed=1), known_images(10, seed=2), test or known_images()
    return st.Data("known", tuple("abcde"), *parts, mean=(0.5,), std=(0.2,))


def subject(network: nn.Module | None = None, file: str = "linear.pt", **more: str) -> Subject:
    """Return a network that was made to resist l-inf 0.02, if nothing else is said."""
    made_for = {"epsilon": "0.02"} | more
    return Subject((network or Linear(64)).eval(), {"file": file}, **made_for)  # type: ignore[arg-type]


def right_under(images: ImageSet, epsilon: float, network: Linear | None = None) -> Tensor:
    """Return which images a network gets right at every point of their l-inf balls."""
    network = network or Linear(64)
    logits = network(images.images / 255)
    room = (logits[:, 0] - logits[:, 1]).abs() / 2 / network.weight.abs().sum()
    right = logits.argmax(dim=1) == images.labels
    return right & (room > epsilon)
