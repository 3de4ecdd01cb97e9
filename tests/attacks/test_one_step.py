"""One-step attacks give the same images as inner attacks and in evaluations."""

from __future__ import annotations

import pytest
import torch

import scratchticket as st
from networks import random_images, small_network, stream
from scratchticket.attacks import perturb


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", ["fgsm", "fgsm-rs"])
def test_an_inner_one_step_attack_is_the_same_in_an_evaluation(name: str, norm: str) -> None:
    recipe = st.AttackRecipe(name, "0.2", norm=norm)  # type: ignore[arg-type]
    network, images = small_network(), random_images(8)
    labels = torch.arange(8)

    learned = perturb(recipe, network, images, labels, generator=stream())
    evaluated = recipe(network, images, labels, stream()).images

    torch.testing.assert_close(evaluated, learned)
