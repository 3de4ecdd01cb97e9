"""Residual networks (He et al., 2015 and 2016; Zagoruyko and Komodakis, 2016).

They have no biases, and batch norm has no affine parameters: a ticket has no trained parameters.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from scratchticket.base.errors import InputError

Layers = dict[str, nn.Module]
ImageShape = tuple[int, int, int]  # channel, height, width
MAX_DEPTH = 1000


def conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution without bias that keeps the image size at stride 1."""
    return nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)


def norm(channels: int) -> nn.BatchNorm2d:
    """Return a batch norm without affine parameters (decision 6)."""
    return nn.BatchNorm2d(channels, affine=False)


def _projection(inputs: int, outputs: int, stride: int) -> nn.Module:
    """Return the shortcut of a block: the identity if shapes agree, else convolution and norm."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(conv(inputs, outputs, 1, stride), norm(outputs))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, each followed by batch norm, and a shortcut (He et al., 2015)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), norm(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 3), norm(outputs)
        self.shortcut = _projection(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:  # (batch, inputs, h, w) -> (batch, outputs, h', w')
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y)) + self.shortcut(x)
        return F.relu(y, inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions; the 3x3 has the stride and a quarter of the channels."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        middle = outputs // 4
        self.conv1, self.bn1 = conv(inputs, middle, 1), norm(middle)
        self.conv2, self.bn2 = conv(middle, middle, 3, stride), norm(middle)
        self.conv3, self.bn3 = conv(middle, outputs, 1), norm(outputs)
        self.shortcut = _projection(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:  # (batch, inputs, h, w) -> (batch, outputs, h', w')
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y)) + self.shortcut(x)
        return F.relu(y, inplace=True)


class PreActivationBlock(nn.Module):
    """Two 3x3 convolutions, each preceded by batch norm and ReLU, and a shortcut (He et al., 2016).

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


Block = type[BasicBlock] | type[Bottleneck] | type[PreActivationBlock]


def _activation(channels: int) -> Layers:
    """Return batch norm and ReLU of a stem, for blocks that do not begin with them."""
    return {"bn1": norm(channels), "relu1": nn.ReLU(inplace=True)}


def _residual(  # noqa: PLR0913
    stem: Layers, block: Block, blocks: Sequence[int], *, inputs: int, outputs: int, classes: int
) -> nn.Sequential:
    """Return stem, stages of residual blocks, pooling and classifier.

    Args:
        stem: The first layers.
        block: Type of the blocks.
        blocks: Number of blocks per stage; each stage but the first halves the image.
        inputs: Output channels of the stem.
        outputs: Channels of the first stage; each later stage has twice as many.
        classes: Number of logits.
    """
    layers = dict(stem)
    for stage, count in enumerate(blocks):
        stages: list[nn.Module] = []
        for position in range(count):
            stride = 2 if stage > 0 and position == 0 else 1
            stages.append(block(inputs, outputs << stage, stride))
            inputs = outputs << stage
        layers[f"layer{stage + 1}"] = nn.Sequential(*stages)
    if block is PreActivationBlock:
        layers |= {"bn2": norm(inputs), "relu2": nn.ReLU(inplace=True)}
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
    layers["fc"] = nn.Linear(inputs, classes, bias=False)
    return nn.Sequential(OrderedDict(layers))


def resnet(
    *,
    block: Block,
    blocks: Sequence[int],
    classes: int,
    image_shape: ImageShape,
    width: int = 64,
) -> nn.Sequential:
    """Return a residual network for small images, with a 3x3 stem.

    Args:
        block: Type of the blocks.
        blocks: Number of blocks per stage.
        classes: Number of logits.
        image_shape: Channel, height, width; any size.
        width: Channels of the first stage.
    """
    stem: Layers = {"conv1": conv(image_shape[0], width, 3)}
    if block is not PreActivationBlock:
        stem |= _activation(width)
    return _residual(stem, block, blocks, inputs=width, outputs=width, classes=classes)


def wide_resnet(
    *,
    classes: int,
    image_shape: ImageShape,
    depth: int = 34,
    widen: int = 10,
    width: int = 16,
) -> nn.Sequential:
    """Return a wide residual network (Zagoruyko and Komodakis, 2016), without dropout.

    Args:
        classes: Number of logits.
        image_shape: Channel, height, width; any size.
        depth: Number of layers, 6 n + 4: three stages of n blocks.
        widen: Factor on the channels of the stages.
        width: Channels of the stem; the first stage has ``widen * width``.

    Raises:
        InputError: If ``depth`` is not of that form, or ``widen`` is out of range.
    """
    if depth % 6 != 4 or not 10 <= depth <= MAX_DEPTH:
        raise InputError(f"wide_resnet: depth must be 10, 16, 22, 28, 34, ..., got {depth}")
    if not 1 <= widen <= 256:
        raise InputError(f"wide_resnet: widen must be from 1 to 256, got {widen}")
    stem: Layers = {"conv1": conv(image_shape[0], width, 3)}
    blocks = [(depth - 4) // 6] * 3
    outputs = width * widen
    return _residual(
        stem, PreActivationBlock, blocks, inputs=width, outputs=outputs, classes=classes
    )


def imagenet_resnet(
    *,
    block: Block,
    blocks: Sequence[int],
    classes: int,
    image_shape: ImageShape,
    width: int = 64,
) -> nn.Sequential:
    """Return a residual network for ImageNet: a 7x7 stem of stride 2, followed by pooling.

    Args:
        block: Type of the blocks; with bottlenecks, stages are four times as wide.
        blocks: Number of blocks per stage.
        classes: Number of logits.
        image_shape: Channel, height, width; 224 pixels in the paper.
        width: Channels of the stem.
    """
    stem: Layers = {
        "conv1": conv(image_shape[0], width, 7, 2),
        **_activation(width),
        "pool1": nn.MaxPool2d(3, stride=2, padding=1),
    }
    outputs = 4 * width if block is Bottleneck else width
    return _residual(stem, block, blocks, inputs=width, outputs=outputs, classes=classes)
