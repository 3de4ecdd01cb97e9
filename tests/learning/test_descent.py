"""The optimisers are PyTorch's SGD and AdamW, without importing PyTorch's compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from scratchticket.learning.descent import AdamDescent, Descent

DRAWN = """
import sys
import scratchticket as st
from scratchticket.learning import SearchRecipe
data, network = st.load_data("digits"), st.NetworkRecipe("resnet18", width=1)
attack, learning = st.AttackRecipe("none"), st.LearningRecipe(epochs=1, batch_size=512)
search = SearchRecipe(step=sys.argv[1])
st.draw_ticket(data, network, ratio=0.5, attack=attack, learning=learning, search=search, seed=0)
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


def test_adam_is_pytorchs_own_at_a_learning_rate_in_units_of_the_size() -> None:
    ours = {"small": torch.randn(5, 7) / 100, "large": torch.randn(3, 4) * 10}
    theirs = {name: nn.Parameter(tensor.clone()) for name, tensor in ours.items()}
    size = {name: float(tensor.square().mean().sqrt()) for name, tensor in ours.items()}
    descent = AdamDescent(ours, momentum=0.8)
    reference = torch.optim.AdamW(
        [{"params": [theirs[n]], "weight_decay": 0.5 / size[n]} for n in ours],
        betas=(0.8, 0.99),
        eps=1e-12,
    )

    for step, learning_rate in enumerate((0.1, 0.1, 0.01)):
        for name, tensor in ours.items():
            used = name != "large" or step == 1  # one tensor has a gradient but once
            tensor.grad = torch.randn_like(tensor) * 1e-6 if used else None
            theirs[name].grad = tensor.grad
        for group, name in zip(reference.param_groups, ours, strict=True):
            group["lr"] = learning_rate * size[name]
        reference.step()
        descent.step(learning_rate, 0.5)

        assert all(tensor.grad is None for tensor in ours.values())
        for name, tensor in ours.items():
            torch.testing.assert_close(tensor, theirs[name].detach(), rtol=1e-6, atol=0)


def test_the_first_step_of_adam_is_the_learning_rate_times_the_size() -> None:
    scores = torch.tensor([3.0, -4.0])
    descent = AdamDescent({"a": scores}, momentum=0.9)
    scores.grad = torch.tensor([1e-7, 1e3])

    descent.step(0.1, 0.0)

    moved = 0.1 * (12.5**0.5)
    torch.testing.assert_close(scores, torch.tensor([3.0 - moved, -4.0 - moved]), rtol=1e-4, atol=0)


@pytest.mark.parametrize("step", ["sgd", "adam"])
def test_a_run_does_not_wait_for_pytorchs_compiler_to_be_imported(step: str) -> None:
    subprocess.run([sys.executable, "-c", DRAWN, step], check=True)
