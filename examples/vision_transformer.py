"""A network of your own: tickets in a small vision transformer (Dosovitskiy et al., 2021).

Masked are its convolution, linear layers and attention projections. The rest is never trained
either: biases are 0, norms 1, the class token and position embeddings random.

    python examples/vision_transformer.py [EPOCHS]

or, from this folder, on the command line:

    scratchticket draw --data digits --network vision_transformer:vision_transformer \
        --ratio 0.2 --epsilon 0.1 --learning-rate 0.05 --out runs/vit
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor, nn

import scratchticket as st


class Block(nn.Module):
    """Attention and a two-layer perceptron, each behind a layer norm and beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:  # (batch, token, width) -> the same
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        y = self.down(nn.functional.gelu(self.up(self.norm2(x))))
        result: Tensor = x + y
        return result


class VisionTransformer(nn.Module):
    """Patches become tokens; the class token makes the logits."""

    def __init__(
        self, classes: int, image_shape: tuple[int, int, int], *, width: int, depth: int, patch: int
    ) -> None:
        super().__init__()
        channels, height, breadth = image_shape
        tokens = 1 + (height // patch) * (breadth // patch)
        self.embed = nn.Conv2d(channels, width, patch, stride=patch)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, tokens, width))
        self.blocks = nn.Sequential(*(Block(width, heads=4) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:  # (batch, channel, h, w) -> (batch, class)
        x = self.embed(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.position
        logits: Tensor = self.head(self.norm(self.blocks(x)[:, 0]))
        return logits


def vision_transformer(
    *,
    classes: int,
    image_shape: tuple[int, int, int],
    width: int = 64,
    depth: int = 4,
    patch: int = 2,
) -> nn.Module:
    """Return the network; arguments with defaults can be set: ``network.arguments.depth=6``."""
    return VisionTransformer(classes, image_shape, width=width, depth=depth, patch=patch)


def main(epochs: int) -> None:
    """Draw a ticket from the random transformer, save it, rebuild it, judge it."""
    data = st.load_data("digits")
    ticket = st.draw_ticket(
        data,
        vision_transformer,
        ratio=0.2,
        attack=st.AttackRecipe("pgd", epsilon=0.1, steps=3),
        learning=st.LearningRecipe(epochs=epochs, learning_rate=0.05),
    )
    rebuilt = st.Ticket.from_bytes(ticket.to_bytes())
    judge = st.AttackRecipe("pgd", epsilon=0.1, steps=20)
    print(f"{ticket.mask}, {len(ticket.to_bytes()):,} bytes")
    print("natural ", st.natural_accuracy(rebuilt.build(), data.test))
    print("robust  ", st.robust_accuracy(rebuilt.build(), data.test, judge), f"({judge})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
