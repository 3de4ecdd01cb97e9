"""The optimiser is PyTorch's SGD, without importing PyTorch's compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from scratchticket.learning.descent import Descent

DRAWN = """
import sys
import scratchticket as st
data, network = st.load_data("digits"), st.NetworkRecipe("resnet18", width=1)
attack, learning = st.AttackRecipe("none"), st.LearningRecipe(epochs=1, batch_size=512)
st.draw_ticket(data, network, ratio=0.5, attack=attack, learning=learning, seed=0)
sys.exit("torch._dynamo" in sys.modules)
"""


@pytest.mark.parametrize(("momentum", "decay"), [(0.9, 5e-4), (0.0, 5e-4), (0.9, 0.0)])
def test_it_is_pytorchs_own_bit_for_bit(momentum: float, decay: float) -> None:
    ours = {name: torch.randn(5, 3) for name in "abc"}
    theirs = {name: nn.Parameter(tensor.clone()) for name, tensor in ours.items()}
    descent = Descent(ours, momentum)
    reference = torch.optim.SGD(theirs.values(), 0.1, momentum=momentum, weight_decay=decay)

    for step, learning_rate in enumerate((0.1, 0.1, 0.01)):
        for name, tensor in ours.items():
            used = name != "c" or step == 1  # one tensor has a gradient but once
            tensor.grad = torch.randn(5, 3) if used else None
            theirs[name].grad = tensor.grad
        reference.param_groups[0]["lr"] = learning_rate
        reference.step()
        descent.step(learning_rate, decay)

        assert all(tensor.grad is None for tensor in ours.values())
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_does_not_wait_for_pytorchs_compiler_to_be_imported() -> None:
    subprocess.run([sys.executable, "-c", DRAWN], check=True)
