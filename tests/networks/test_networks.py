"""The architectures count right, and the random network is a function of seed and names alone."""

from __future__ import annotations

from math import prod, sqrt

import numpy as np
import pytest
import torch

import scratchticket as st
from scratchticket import rng
from scratchticket.errors import InputError
from scratchticket.networks import NETWORKS, maskable


@pytest.mark.parametrize(
    ("arguments", "weights"),
    [
        ({"name": "resnet18", "classes": 10}, 11_164_352),
        ({"name": "resnet18", "classes": 100}, 11_210_432),
        ({"name": "preact_resnet18", "classes": 10}, 11_164_352),
        ({"name": "resnet18", "classes": 10, "width": 16, "channels": 1}, 698_768),
    ],
)
def test_maskable_weights_are_counted(arguments: dict[str, object], weights: int) -> None:
    network = st.networks.build(**arguments)  # type: ignore[arg-type]

    assert sum(weight.numel() for weight in maskable(network).values()) == weights
    assert len(maskable(network)) == len(list(network.parameters())) == 21  # and nothing else


def test_batch_norm_statistics_of_resnet18_are_9600() -> None:
    buffers = st.networks.build("resnet18", classes=10).state_dict()

    running = [v.numel() for name, v in buffers.items() if "running" in name]
    assert sum(running) == 9_600


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_networks_map_pixels_of_any_size_to_logits(name: str) -> None:
    network = st.networks.build(name, classes=7, channels=3, width=4)

    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 7)
    assert network(torch.rand(2, 3, 8, 8)).shape == (2, 7)


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
        ({"classes": 0}, "at least 1"),
        ({"mean": [0.5]}, "mean and std must be 3 numbers each"),
        ({"std": [1, 1, 0]}, "every std above 0"),
        ({"seed": -1}, "seed must be an integer"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        st.networks.build(**({"classes": 10, "width": 2} | arguments))  # type: ignore[arg-type]
