"""Collapsed networks are reported, healthy ones are not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from scratchticket.learning.health import not_finite, signs

IMAGES = torch.rand(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def network() -> nn.Sequential:
    norm = nn.BatchNorm2d(3, affine=False)
    return nn.Sequential(nn.Conv2d(1, 3, 3), norm, nn.Flatten(), nn.Linear(12, 5)).eval()


def masks(kept: bool) -> dict[str, torch.Tensor]:
    return {"0.weight": torch.ones(3, 1, 3, 3).bool(), "3.weight": torch.full((5, 12), kept)}


def test_a_healthy_network_has_no_signs() -> None:
    assert signs(network(), masks(kept=True), IMAGES) == ()
    assert signs(network(), {"0.weight": torch.zeros(3, 1, 3, 3)}, IMAGES) == ()  # no mask


def test_an_empty_layer_is_noticed() -> None:
    assert signs(network(), masks(kept=False), IMAGES) == ("nothing remains of 3.weight",)


def test_the_same_logits_for_all_images_are_noticed() -> None:
    dead = network()
    nn.init.zeros_(dead[3].weight)  # type: ignore[arg-type]

    assert signs(dead, {}, IMAGES) == ("the network gives all images the same logits",)


def test_constant_channels_are_noticed_where_there_is_no_other() -> None:
    collapsed = network()
    collapsed[1].running_var = torch.tensor([0.0, 0.0, 1.0])
    assert signs(collapsed, {}, IMAGES) == ()
    collapsed[1].running_var = torch.zeros(3)

    assert signs(collapsed, {}, IMAGES) == ("all channels before 1 are constant",)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_named(bad: float) -> None:
    good, spoilt = torch.ones(3), torch.tensor([1.0, bad])

    assert not_finite(torch.tensor(1.0), {"a": good}) is None
    assert not_finite(torch.tensor(bad), {"a": good}) == "the loss"
    assert not_finite(torch.tensor(1.0), {"a": good, "b": spoilt}) == "a learned value of b"
