"""Batch norm on the logits: a fixed size, statistics in the ticket, another random network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import scratchticket as st
from scratchticket.base.errors import InputError
from scratchticket.networks import classifier
from scratchticket.networks.logits import with_logit_norm
from scratchticket.tickets.identity import check_one_network

GAIN = st.NetworkRecipe("resnet18", width=2, logit_gain=2)
QUICK = st.LearningRecipe(epochs=1, batch_size=128)
ATTACK = st.AttackRecipe(epsilon=0.1, steps=1)


def build(recipe: st.NetworkRecipe) -> nn.Module:
    return st.networks.random_network(
        recipe, classes=10, image_shape=(1, 8, 8), seed=0, mean=[0.5], std=[0.25]
    )


def test_logits_have_mean_zero_and_the_gain_as_deviation_over_a_batch() -> None:
    network, plain = build(GAIN), build(st.NetworkRecipe("resnet18", width=2))
    images = torch.rand(64, 1, 8, 8)

    logits, bare = network(images).detach(), plain(images).detach()

    centred = (bare - bare.mean(0)) / (bare.var(0, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(logits, 2 * centred, rtol=1e-4, atol=1e-4)
    assert classifier(network, 10) == "fc.weight"


def test_the_ticket_has_the_statistics_and_its_network_the_gain(
    few_digits: st.Data, tmp_path: Path
) -> None:
    ticket = st.draw_ticket(few_digits, GAIN, ratio=0.3, attack=ATTACK, learning=QUICK)
    ticket.save(tmp_path / "t.safetensors")
    again = st.Ticket.load(tmp_path / "t.safetensors")
    images = few_digits.test.images[:8].float() / 255

    assert {"logits.norm.running_mean", "logits.norm.running_var"} <= again.statistics.keys()
    assert again.network.logit_gain == "2"
    assert torch.equal(again.build()(images), ticket.build()(images))
    other = st.draw_ticket(
        few_digits, st.NetworkRecipe(width=2), ratio=0.3, attack=ATTACK, learning=QUICK
    )
    with pytest.raises(InputError, match="belong to different networks: the recipe differs"):
        check_one_network([ticket, other])


def test_any_module_can_have_it() -> None:
    st.networks.register("flat", _flat)
    network = build(st.NetworkRecipe("flat", logit_gain="1/2"))

    logits = network(torch.rand(64, 1, 8, 8)).detach()

    assert float(logits.std(0, correction=0).mean()) == pytest.approx(0.5, rel=1e-3)
    assert "body.layers.1.weight" in dict(st.networks.bare(network).named_parameters())


def test_what_a_sequential_module_has_beside_its_children_is_kept() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    module.register_buffer("own", torch.ones(3))

    assert with_logit_norm(module, 10, 1.0).get_buffer("body.own").tolist() == [1, 1, 1]


class _Wrapped(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images)
        return logits


def _flat(*, classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
    return _Wrapped(classes)


@pytest.mark.parametrize("gain", [0, -1, 2000, "much"])
def test_a_gain_out_of_range_is_refused(gain: str | float) -> None:
    with pytest.raises(InputError, match=r"network\.logit_gain"):
        st.NetworkRecipe("resnet18", logit_gain=gain)
