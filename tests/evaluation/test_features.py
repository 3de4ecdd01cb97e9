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
from scratchticket.evaluation.engine import Batches
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
    silent = nn.Sequential(nn.Threshold(9.0, 0.0), nn.Flatten(), nn.Linear(64, 10)).eval()
    with pytest.raises(InputError, match="layer 0 outputs only zeros for an image; name another"):
        feature_distance(silent, images, noise, layer="0")


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (nn.Linear(64, 2), "the network has 2 classes, but there are labels up to 9"),
        (nn.Threshold(9.0, float("nan")), "the network returns NaN as a logit of 256 of 256"),
    ],
)
def test_logits_that_cannot_be_judged_are_refused(
    images: ImageSet, last: nn.Module, message: str
) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Identity(), last).eval()

    with pytest.raises(InputError, match=message):
        feature_distance(network, images, Attack(PGD(1), "0.1"), layer="1")


class Pair(nn.Module):
    """Returns what it was given, and how much that was."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, int]:
        return images, len(images)


class First(nn.Module):
    def forward(self, pair: tuple[torch.Tensor, int]) -> torch.Tensor:
        return pair[0].flatten(1)[:, :10]


def test_a_layer_without_a_row_of_features_per_image_is_refused_and_left_without_hooks(
    images: ImageSet,
) -> None:
    network = nn.Sequential(Pair(), First()).eval()

    with pytest.raises(InputError, match="layer 0 does not return a tensor with one row"):
        feature_distance(network, images, Attack(Noise(1), "0.1"), layer="0")
    assert not network[0]._forward_hooks


def test_a_layer_that_runs_twice_is_measured_at_its_last_run(images: ImageSet) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flat = nn.Flatten()

        def forward(self, points: torch.Tensor) -> torch.Tensor:
            return self.flat(self.flat(points) ** 2)[:, :10] - 0.1

    few, attack = images[slice(40)], Attack(Noise(1), "0.1")

    squared = feature_distance(Twice().eval(), few, attack, layer="flat", seed=1)
    plain = feature_distance(nn.Sequential(nn.Flatten()).eval(), few, attack, layer="0", seed=1)
    other = feature_distance(nn.Sequential(nn.Flatten()).eval(), few, attack, layer="0", seed=2)

    assert not torch.equal(squared.distances, plain.distances)
    assert not torch.equal(other.distances, plain.distances)
    clean = pixels(few.images)
    stream = Batches(few, torch.device("cpu"), 1).stream(attack.stream, 0)
    moved = attack(lambda points: points.flatten(1), clean, few.labels, stream).images
    apart = (moved**2 - clean**2).flatten(1).norm(dim=1) / (clean**2).flatten(1).norm(dim=1)
    torch.testing.assert_close(squared.distances, apart)
