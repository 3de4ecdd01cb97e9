"""A slice of a batch gets the same random starts as in the whole batch."""

from __future__ import annotations

import pytest
import torch

import scratchticket as st
from networks import Linear, random_images, stream
from scratchticket.attacks import perturb


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", ["pgd", "fgsm", "fgsm-rs"])
def test_a_slice_is_attacked_as_in_the_whole_batch(name: str, norm: str) -> None:
    recipe = st.AttackRecipe(name, "0.1", steps=2, step_size="0.01", norm=norm)  # type: ignore[arg-type]
    network, images, part = Linear(64), random_images(10), slice(3, 7)
    labels = torch.arange(10) % 2

    whole = perturb(recipe, network, images, labels, generator=stream())
    alone = perturb(
        recipe, network, images[part], labels[part], generator=stream(), part=part, whole=10
    )

    torch.testing.assert_close(alone, whole[part])
    assert not torch.equal(alone, images[part])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_slices_in_channels_last_format_get_the_same_random_starts(norm: str) -> None:
    recipe = st.AttackRecipe("noise", "0.1", norm=norm)  # type: ignore[arg-type]
    images = torch.rand(10, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    labels, network = torch.arange(10) % 2, Linear(48)

    whole = perturb(recipe, network, images, labels, generator=stream())
    parts = [
        perturb(recipe, network, images[p], labels[p], generator=stream(), part=p, whole=10)
        for p in (slice(0, 3), slice(3, 10))
    ]

    torch.testing.assert_close(torch.cat(parts), whole)
    assert not torch.equal(*(points[:3] - images[:3] for points in (whole, whole[3:6])))
