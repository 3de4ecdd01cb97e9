"""The architectures count right, and the random network is a function of seed and names alone."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np
import pytest
import torch

import scratchticket as st
from scratchticket.base import rng
from scratchticket.base.errors import InputError
from scratchticket.networks import (
    NETWORKS,
    classifier,
    maskable,
    outline,
    statistics,
    unmasked,
)


@pytest.mark.parametrize(
    ("arguments", "weights"),
    [
        ({"name": "resnet18", "classes": 10}, 11_164_352),
        ({"name": "resnet18", "classes": 100}, 11_210_432),
        ({"name": "preact_resnet18", "classes": 10}, 11_164_352),
        ({"name": "resnet18", "classes": 10, "width": 16, "channels": 1}, 698_768),
        ({"name": "wideresnet32", "classes": 10}, 46_138_032),
        ({"name": "wide_resnet", "classes": 100}, 46_195_632),
        ({"name": "wide_resnet", "classes": 10, "depth": 16, "widen": 4}, 2_745_264),
        ({"name": "imagenet_resnet18", "classes": 1000}, 11_678_912),
        ({"name": "imagenet_resnet50", "classes": 1000}, 25_502_912),
        ({"name": "imagenet_resnet101", "classes": 1000}, 44_442_816),
        ({"name": "conv4", "classes": 10}, 2_425_024),
    ],
)
def test_maskable_weights_are_counted(arguments: dict[str, Any], weights: int) -> None:
    classes, shape = arguments.pop("classes"), (arguments.pop("channels", 3), 32, 32)
    name, width = arguments.pop("name"), arguments.pop("width", None)
    recipe = st.NetworkRecipe(name, width, arguments=arguments)
    network = outline(recipe, classes=classes, image_shape=shape)

    assert sum(weight.numel() for weight in maskable(network).values()) == weights
    assert not unmasked(network)
    assert classifier(network, classes) == "fc.weight"


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("resnet18", 9_600),
        ("wideresnet32", 22_432),
        ("imagenet_resnet50", 53_120),
        ("imagenet_resnet101", 105_344),
        ("conv4", 0),
    ],
)
def test_batch_norm_statistics_are_counted(name: str, count: int) -> None:
    network = outline(st.NetworkRecipe(name), classes=10, image_shape=(3, 32, 32))

    assert sum(value.numel() for value in statistics(network).values()) == count


@pytest.mark.parametrize("name", sorted(n for n in NETWORKS if ":" not in n))
@pytest.mark.parametrize("size", [8, 33])
def test_networks_map_pixels_to_logits(name: str, size: int) -> None:
    network = st.networks.build(name, classes=7, image_size=size, width=4)

    assert network(torch.rand(2, 3, size, size)).shape == (2, 7)


@pytest.mark.parametrize("name", ["resnet18", "preact_resnet18", "wide_resnet"])
def test_residual_networks_take_images_of_any_size(name: str) -> None:
    network = st.networks.build(name, classes=7, width=4)

    assert network(torch.rand(2, 3, 8, 12)).shape == (2, 7)


def test_every_weight_is_the_signed_constant_of_the_documented_stream() -> None:
    network = st.networks.build("resnet18", classes=10, width=8, seed=3)

    for name, weight in network.named_parameters():
        count = weight.numel()
        words = rng.weight_words(3, name, -(-count // 64))
        bits = [(int(words[i // 64]) >> (i % 64)) & 1 for i in range(count)]
        constant = np.float32(sqrt(2 / prod(weight.shape[1:])))
        expected = np.where(np.array(bits) == 1, constant, -constant)
        np.testing.assert_array_equal(weight.detach().flatten().numpy(), expected)


def test_the_global_random_state_is_neither_used_nor_changed() -> None:
    torch.manual_seed(1)
    first = st.networks.build("resnet18", classes=10, width=2).state_dict()
    after_first = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(after_first, torch.rand(1))
    second = st.networks.build("resnet18", classes=10, width=2).state_dict()

    assert all(torch.equal(first[name], second[name]) for name in first)


def test_normalisation_is_the_first_layer_and_no_parameter() -> None:
    plain = st.networks.build("resnet18", classes=3, channels=1, width=2).eval()
    normal = st.networks.build("resnet18", classes=3, channels=1, width=2, mean=[0.5], std=[0.25])
    images = torch.rand(4, 1, 8, 8)

    torch.testing.assert_close(normal.eval()(images), plain((images - 0.5) / 0.25))
    assert normal.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet81"}, "did you mean 'resnet18'"),
        ({"init": "kaiming"}, "unknown init 'kaiming'"),
        ({"width": 0}, "network.width must be from 1"),
        ({"block": 3}, "unknown argument of network resnet18 'block'"),
        ({"classes": 0}, "at least 1"),
        ({"mean": [0.5]}, "mean and std must be 3 numbers each"),
        ({"std": [1, 1, 0]}, "every std above 0"),
        ({"seed": -1}, "seed must be an integer"),
        ({"depth": 4}, "unknown argument of network resnet18 'depth'"),
        ({"name": "wide_resnet", "depth": 33}, "depth must be 10, 16, 22, 28, 34"),
        ({"name": "wide_resnet", "widen": 0}, "widen must be from 1"),
        ({"name": "conv4", "image_size": 3}, "conv4 needs images of at least 4x4"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        st.networks.build(**({"classes": 10, "width": 2} | arguments))  # type: ignore[arg-type]
