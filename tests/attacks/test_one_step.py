"""One-step attacks are the same where a network learns and where it is judged."""

from __future__ import annotations

import pytest
import torch

import scratchticket as st
from networks import random_images, small_network, stream
from scratchticket.attacks import perturb


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", ["fgsm", "fgsm-rs"])
def test_the_judge_takes_the_step_of_the_search(name: str, norm: str) -> None:
    recipe = st.AttackRecipe(name, "0.2", norm=norm)  # type: ignore[arg-type]
    network, images = small_network(), random_images(8)
    labels = torch.arange(8)

    learned = perturb(recipe, network, images, labels, generator=stream())
    judged = recipe(network, images, labels, stream()).images

    torch.testing.assert_close(judged, learned)
