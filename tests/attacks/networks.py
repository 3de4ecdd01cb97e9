"""Small networks and balls for tests of attacks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

import scratchticket as st
from scratchticket.attacks import L2Ball, LinfBall


class Linear(nn.Module):
    """Logits ``(w.x, -w.x, low, low, ...)``: no other class is ever predicted.

    Inside an l-inf ball the margin changes by ``2 * epsilon * |w|_1``, inside an l2 ball by
    ``2 * epsilon * |w|_2``, as long as the pixel range does not bind.
    """

    def __init__(self, num_pixels: int, classes: int = 5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1.0, 1.0, num_pixels))
        self.register_buffer("low", torch.linspace(-9.0, -8.0, classes - 2))

    def forward(self, images: Tensor) -> Tensor:
        score = (images.flatten(1) - 0.5) @ self.weight + 0.05
        return torch.cat([torch.stack([score, -score], 1), self.low.expand(len(images), -1)], 1)


def small_network(width: int = 4, seed: int = 1) -> nn.Module:
    """Return a random residual network for grey images of 8x8 pixels."""
    return (
        st.networks.build("resnet18", classes=10, channels=1, width=width, seed=seed)
        .eval()
        .requires_grad_(False)
    )


def random_images(count: int = 24, seed: int = 0) -> Tensor:
    """Return grey images of 8x8 pixels, away from black and white."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 1, 8, 8, generator=generator) * 0.8 + 0.1


def stream(seed: int = 0) -> torch.Generator:
    """Return a seeded generator."""
    return torch.Generator().manual_seed(seed)


def fooled(network: nn.Module, images: Tensor, labels: Tensor) -> int:
    """Return the number of images a network misclassifies."""
    with torch.no_grad():
        return int((network(images).argmax(dim=1) != labels).sum())


class Curved(nn.Module):
    """A small smooth network whose logits do not depend on the batch size, bit for bit."""

    def __init__(self, pixels: int = 16, classes: int = 5, seed: int = 0) -> None:
        super().__init__()
        draws = torch.Generator().manual_seed(seed)
        self.first = nn.Parameter(torch.randn(6, pixels, generator=draws))
        self.second = nn.Parameter(torch.randn(classes, 6, generator=draws))

    def forward(self, images: Tensor) -> Tensor:
        hidden = torch.tanh(((images.flatten(1) - 0.5)[:, None] * self.first).sum(dim=2))
        return (hidden[:, None] * self.second).sum(dim=2)


@dataclass(frozen=True)
class StillLinf(LinfBall):
    """An l-inf ball whose random starts are the images themselves."""

    def random_start(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return images


@dataclass(frozen=True)
class StillL2(L2Ball):
    """An l2 ball whose random starts are the images themselves."""

    def random_start(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return images
