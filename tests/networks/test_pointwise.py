"""1x1 convolutions with a stride, computed without oneDNN's fault."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

import scratchticket as st
from scratchticket.accuracy import Accuracy
from scratchticket.learning import Validation
from scratchticket.networks import thin_out
from scratchticket.tickets.draw import Task, drawing, training

WITHOUT_FAULT = """
import torch
from torch import nn
from scratchticket.networks import placed, thin_out

for channels in (2, 8, 15):
    layer = placed(nn.Conv2d(channels, 16, 1, stride=2, bias=False), "cpu")
    images = torch.rand(4, channels, 112, 112).contiguous(memory_format=torch.channels_last)
    thin_out(layer)(images).sum().backward()
    expected = images[..., ::2, ::2].sum(dim=(0, 2, 3)).expand(16, -1)
    torch.testing.assert_close(layer.weight.grad[..., 0, 0], expected, rtol=1e-3, atol=0)
"""


def test_the_gradient_of_few_channels_is_right_and_the_process_lives() -> None:
    """Without the detour oneDNN ends it, on the processors it is wrong on."""
    command = [sys.executable, "-c", WITHOUT_FAULT]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("groups", "bias"), [(1, True), (2, False)])
def test_it_is_the_same_function(groups: int, bias: bool) -> None:
    layer = nn.Conv2d(4, 6, 1, stride=(2, 3), groups=groups, bias=bias)
    images = torch.rand(3, 4, 7, 8)

    other = thin_out(copy.deepcopy(layer))

    assert type(other) is not nn.Conv2d
    assert other.state_dict().keys() == layer.state_dict().keys()
    torch.testing.assert_close(other(images), layer(images))


def test_only_what_is_at_fault_is_changed() -> None:
    class Own(nn.Conv2d):
        pass

    left = [
        nn.Conv2d(16, 4, 1, stride=2),
        nn.Conv2d(4, 4, 1),
        nn.Conv2d(4, 4, 3, stride=2),
        nn.Conv2d(4, 4, 1, stride=2, padding=1),
        Own(4, 4, 1, stride=2),
    ]

    thin_out(nn.Sequential(*left))

    assert {type(layer) for layer in left} == {nn.Conv2d, Own}


def test_narrow_networks_learn_with_it(few_digits: st.Data) -> None:
    narrow, nothing = st.NetworkRecipe("resnet18", width=8), Accuracy(0, 1)
    seen = Validation(nothing, nothing)
    task = Task(few_digits, narrow, st.AttackRecipe(), st.LearningRecipe(), lambda _: seen)

    for job in (drawing(task, "0.5"), training(task)):
        kinds = [type(m).__name__ for m in job.network.modules() if isinstance(m, nn.Conv2d)]
        assert kinds.count("Conv2d") == len(kinds) - 1  # but the first shortcut with a stride
