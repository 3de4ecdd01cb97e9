"""Distances of features: written out by hand, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import scratchticket as st
from scratchticket.attacks import FGSM, PGD, Attack, Noise
from scratchticket.base.errors import InputError
from scratchticket.data import ImageSet, pixels
from scratchticket.evaluation import feature_distance
from scratchticket.evaluation.features import last_convolution


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return st.load_data("digits").test[slice(300)]


def test_distances_are_those_of_the_definition(images: ImageSet) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 7, bias=False), nn.Linear(7, 10)).eval()
    attack = Attack(FGSM(), "0.05")

    found = feature_distance(network, images, attack, layer="1")

    clean = pixels(images.images).requires_grad_()
    nn.functional.cross_entropy(network(clean), images.labels, reduction="sum").backward()
    moved = (clean + 0.05 * clean.grad.sign()).clamp(0, 1).detach()  # type: ignore[union-attr]
    before, after = network[1](clean.flatten(1)), network[1](moved.flatten(1))
    by_hand = (after - before).norm(dim=1) / before.norm(dim=1)
    torch.testing.assert_close(found.distances, by_hand.detach())
    assert found.mean == pytest.approx(float(by_hand.detach().mean()))
    assert (found.layer, found.attack) == ("1", "fgsm, linf, 0.05")


def test_an_attack_moves_features_further_than_noise(images: ImageSet) -> None:
    network = st.networks.build("resnet18", classes=10, channels=1, width=4).eval()
    noise, attacked = (
        feature_distance(network, images, Attack(method, "0.1")) for method in (Noise(1), PGD(10))
    )

    assert noise.layer == last_convolution(network) == "layer4.1.conv2"
    assert 0 < noise.mean < attacked.mean
    assert network.training is False
    assert not network.layer4[1].conv2._forward_hooks  # type: ignore[index, union-attr]


def test_what_has_no_such_features_is_refused(images: ImageSet) -> None:
    network = st.networks.build("resnet18", classes=10, channels=1, width=2).eval()
    noise = Attack(Noise(1), "0.1")

    with pytest.raises(InputError, match=r"unknown layer 'layer4.1.conv'; did you mean"):
        feature_distance(network, images, noise, layer="layer4.1.conv")
    with pytest.raises(InputError, match="in training mode"):
        feature_distance(network.train(), images, noise)
    with pytest.raises(InputError, match="no convolution; name a layer"):
        feature_distance(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval(), images, noise)
