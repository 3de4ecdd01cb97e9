"""Conv-4, the small network of the supermask papers."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from scratchticket.base.errors import InputError
from scratchticket.networks.resnet import ImageShape, conv


def conv4(*, classes: int, image_shape: ImageShape, width: int = 64) -> nn.Sequential:
    """Return Conv-4 (Frankle and Carbin, 2019; Ramanujan et al., 2020), without biases.

    Two pairs of 3x3 convolutions, each pair followed by pooling, then three linear layers. It has
    no batch norm, so the scale of its random weights matters.

    Args:
        classes: Number of logits.
        image_shape: Channel, height, width; at least 4x4 pixels.
        width: Channels of the first pair; the second pair has twice as many, the hidden linear
            layers four times.

    Raises:
        InputError: If the images are too small.
    """
    channels, height, breadth = image_shape
    if min(height, breadth) < 4:
        raise InputError(f"conv4 needs images of at least 4x4 pixels, got {height}x{breadth}")
    layers: dict[str, nn.Module] = {}
    inputs = channels
    for number, outputs in enumerate((width, width, 2 * width, 2 * width), start=1):
        layers |= {f"conv{number}": conv(inputs, outputs, 3), f"relu{number}": nn.ReLU()}
        if number % 2 == 0:
            layers[f"pool{number}"] = nn.MaxPool2d(2)
        inputs = outputs
    layers["flatten"] = nn.Flatten()
    inputs *= (height // 4) * (breadth // 4)
    for number in (1, 2):
        layers[f"fc{number}"] = nn.Linear(inputs, 4 * width, bias=False)
        layers[f"relu{number + 4}"] = nn.ReLU()
        inputs = 4 * width
    layers["fc"] = nn.Linear(inputs, classes, bias=False)
    return nn.Sequential(OrderedDict(layers))
