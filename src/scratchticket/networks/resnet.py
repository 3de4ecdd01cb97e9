"""Residual networks for small images (He et al., 2015 and 2016), 3x3 stem, two forms of block.

No biases, and batch norm without affine parameters: in a ticket nothing is trained.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


def conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution without bias that keeps the image size at stride 1."""
    return nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)


def norm(channels: int) -> nn.BatchNorm2d:
    """Return a batch norm without affine parameters (decision 6)."""
    return nn.BatchNorm2d(channels, affine=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, each followed by batch norm, and a shortcut (He et al., 2015)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), norm(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 3), norm(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(conv(inputs, outputs, 1, stride), norm(outputs))
        )

    def forward(self, x: Tensor) -> Tensor:  # (batch, inputs, h, w) -> (batch, outputs, h', w')
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y)) + self.shortcut(x)
        return F.relu(y, inplace=True)


class PreActivationBlock(nn.Module):
    """Batch norm and ReLU come before each convolution (He et al., 2016).

    Where the shape changes, the shortcut is a 1x1 convolution of the activated input.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = norm(inputs), conv(inputs, outputs, 3, stride)
        self.bn2, self.conv2 = norm(outputs), conv(outputs, outputs, 3)
        same = stride == 1 and inputs == outputs
        self.shortcut = None if same else conv(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:  # (batch, inputs, h, w) -> (batch, outputs, h', w')
        activated = F.relu(self.bn1(x), inplace=True)
        shortcut: Tensor = x if self.shortcut is None else self.shortcut(activated)
        residual: Tensor = self.conv1(activated)
        residual = self.conv2(F.relu(self.bn2(residual), inplace=True))
        return residual + shortcut


def resnet(  # noqa: PLR0913
    normalise: nn.Module,
    block: type[BasicBlock] | type[PreActivationBlock],
    *,
    blocks: Sequence[int],
    classes: int,
    channels: int,
    width: int,
) -> nn.Sequential:
    """Return four stages of residual blocks behind a 3x3 stem, pixels in [0, 1] to logits.

    Args:
        normalise: The first layer.
        block: Kind of the blocks.
        blocks: Number of blocks per stage.
        classes: Number of logits.
        channels: Channels of an image.
        width: Channels of the first stage; each later stage doubles them.
    """
    layers: dict[str, nn.Module] = {"normalise": normalise, "conv1": conv(channels, width, 3)}
    if block is BasicBlock:
        layers |= {"bn1": norm(width), "relu1": nn.ReLU(inplace=True)}
    inputs = width
    for stage, count in enumerate(blocks):
        outputs = width * 2**stage
        strides = [2 if stage > 0 else 1] + [1] * (count - 1)
        stages = [block(inputs if i == 0 else outputs, outputs, s) for i, s in enumerate(strides)]
        layers[f"layer{stage + 1}"] = nn.Sequential(*stages)
        inputs = outputs
    if block is PreActivationBlock:
        layers |= {"bn2": norm(inputs), "relu2": nn.ReLU(inplace=True)}
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
    layers["fc"] = nn.Linear(inputs, classes, bias=False)
    return nn.Sequential(OrderedDict(layers))
