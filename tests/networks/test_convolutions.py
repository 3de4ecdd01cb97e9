"""Convolutions without idle work and oneDNN's bug are the same functions."""

from __future__ import annotations

import copy
import subprocess
import sys
from itertools import product

import pytest
import torch
from torch import nn

import scratchticket as st
from scratchticket.base.accuracy import Accuracy
from scratchticket.learning import Validation
from scratchticket.networks import fast_convolutions
from scratchticket.networks.convolutions import FastConv2d, taps_of_one_pixel
from scratchticket.tickets.draw import Task, drawing, training

WITHOUT_FAULT = """
import torch
from torch import nn
from scratchticket.networks import placed, fast_convolutions

for channels in (2, 8, 15):
    layer = placed(nn.Conv2d(channels, 16, 1, stride=2, bias=False), "cpu")
    images = torch.rand(4, channels, 112, 112).contiguous(memory_format=torch.channels_last)
    fast_convolutions(layer)(images).sum().backward()
    expected = images[..., ::2, ::2].sum(dim=(0, 2, 3)).expand(16, -1)
    torch.testing.assert_close(layer.weight.grad[..., 0, 0], expected, rtol=1e-3, atol=0)
"""


def test_the_gradient_of_few_channels_is_right_and_the_process_lives() -> None:
    """Without the workaround oneDNN crashes it, on the processors that have the bug."""
    command = [sys.executable, "-c", WITHOUT_FAULT]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def one_pixel(kernel: int, stride: int, padding: int, size: int) -> bool:
    return 0 <= size + 2 * padding - kernel < stride


SETTINGS = [
    (kernel, stride, padding, height, width)
    for kernel, stride, padding, height, width in product(
        (1, 2, 3), (1, 2), (0, 1, 2), (1, 2, 3), (1, 3)
    )
    if min(height, width) + 2 * padding >= kernel
]


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [True, False])
def test_convolutions_of_one_pixel_equal_pytorchs_with_their_gradients(
    bias: bool, memory_format: torch.memory_format
) -> None:
    products = 0
    for kernel, stride, padding, height, width in SETTINGS:
        layer = nn.Conv2d(3, 5, kernel, stride, padding, bias=bias).to(torch.float64)
        layer = layer.to(memory_format=memory_format)
        other = fast_convolutions(copy.deepcopy(layer))
        images = torch.rand(2, 3, height, width, dtype=torch.float64)
        images = images.contiguous(memory_format=memory_format).requires_grad_()

        expected, found = layer(images), other(images)

        assert type(other) is FastConv2d
        torch.testing.assert_close(found, expected)
        direction = torch.randn_like(expected)
        gradients = [
            torch.autograd.grad(result, [images, *module.parameters()], direction)
            for result, module in ((expected, layer), (found, other))
        ]
        torch.testing.assert_close(*gradients)
        a_product = taps_of_one_pixel(layer, images) is not None
        one = all(one_pixel(kernel, stride, padding, size) for size in (height, width))
        assert a_product == (one and padding < kernel)
        products += a_product
    assert products > 10


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3, padding=1, groups=2),
        nn.Conv2d(4, 6, 3, padding=2, dilation=2),
        nn.Conv2d(4, 6, 3, padding="same"),
        nn.Conv2d(4, 6, 3, padding=1, padding_mode="replicate"),
    ],
)
def test_other_convolutions_of_one_pixel_are_left_to_pytorch(layer: nn.Conv2d) -> None:
    images = torch.rand(2, 4, 1, 1)
    expected = layer(images)

    assert torch.equal(fast_convolutions(layer)(images), expected)


def test_one_image_without_a_batch_is_left_to_pytorch() -> None:
    layer, image = nn.Conv2d(4, 6, 3, padding=1), torch.rand(4, 1, 1)
    expected = layer(image)

    assert torch.equal(fast_convolutions(layer)(image), expected)


@pytest.mark.parametrize(("groups", "bias"), [(1, True), (2, False)])
def test_a_strided_1x1_convolution_equals_pytorchs(groups: int, bias: bool) -> None:
    layer = nn.Conv2d(4, 6, 1, stride=(2, 3), groups=groups, bias=bias)
    images = torch.rand(3, 4, 7, 8)

    other = fast_convolutions(copy.deepcopy(layer))

    assert type(other) is not nn.Conv2d
    assert other.state_dict().keys() == layer.state_dict().keys()
    torch.testing.assert_close(other(images), layer(images))


def test_subclasses_are_left_alone() -> None:
    class Own(nn.Conv2d):
        pass

    layer = Own(4, 4, 1, stride=2)

    assert type(fast_convolutions(layer)) is Own


@pytest.mark.parametrize("size", [1, 2, 5])
def test_they_are_compiled_into_one_graph(size: int) -> None:
    layer = fast_convolutions(nn.Conv2d(3, 4, 3, padding=1, stride=2))
    images = torch.rand(2, 3, size, size)

    compiled = torch.compile(layer, backend="eager", fullgraph=True)

    assert torch.equal(compiled(images), layer(images))


def test_networks_learn_with_them(few_digits: st.Data) -> None:
    narrow, nothing = st.NetworkRecipe("resnet18", width=8), Accuracy(0, 1)
    seen = Validation(nothing, nothing)
    task = Task(few_digits, narrow, st.AttackRecipe(), st.LearningRecipe(), lambda _: seen)

    for job in (drawing(task, "0.5"), training(task)):
        assert {type(m) for m in job.network.modules() if isinstance(m, nn.Conv2d)} == {FastConv2d}
