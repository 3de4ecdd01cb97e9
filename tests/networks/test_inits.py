"""Random weights have their moments, come from their streams, and never change."""

from __future__ import annotations

from math import prod, sqrt

import numpy as np
import pytest
import torch

import scratchticket as st
from scratchticket.base import rng
from scratchticket.networks import INITS
from scratchticket.tickets.identity import fingerprint

SHAPE = (64, 32, 3, 3)
FAN_IN, FAN_OUT = 32 * 9, 64 * 9
VARIANCES = {
    "signed_kaiming_constant": 2 / FAN_IN,
    "kaiming_normal": 2 / FAN_IN,
    "kaiming_uniform": 2 / FAN_IN,
    "xavier_normal": 2 / (FAN_IN + FAN_OUT),
    "signed_xavier_constant": 2 / (FAN_IN + FAN_OUT),
}
FINGERPRINTS = {
    "signed_kaiming_constant": "4035e9eb26e2fa552f85d9be8404b9fc",
    "kaiming_normal": "85431c24972f5b75c18ee768118252b5",
    "kaiming_uniform": "55401c0a32ce3ac2be63781a0f46115f",
    "xavier_normal": "0de13870c8953b402a22823a13f8f193",
    "signed_xavier_constant": "ab6cc28bf71585ee576d11adf60eebc3",
}


def test_every_init_is_tested_here() -> None:
    assert INITS.keys() == VARIANCES.keys() == FINGERPRINTS.keys()


@pytest.mark.parametrize("name", VARIANCES)
def test_moments_are_those_of_the_definition(name: str) -> None:
    weights = INITS[name].draw(0, "layer.weight", SHAPE).double()
    count = prod(SHAPE)

    assert abs(float(weights.mean())) < 4 * sqrt(VARIANCES[name] / count)
    assert float(weights.var()) == pytest.approx(VARIANCES[name], rel=0.02)
    fourth = float((weights**4).mean()) / VARIANCES[name] ** 2
    kurtosis = 1 if INITS[name].constant else 3 if "normal" in name else 9 / 5
    assert fourth == pytest.approx(kurtosis, rel=0.05)


@pytest.mark.parametrize("name", [name for name in VARIANCES if not INITS[name].constant])
def test_moments_are_those_of_pytorchs_own_init(name: str) -> None:
    theirs = torch.empty(SHAPE)
    gain = {"nonlinearity": "relu"} if "kaiming" in name else {}
    getattr(torch.nn.init, f"{name}_")(theirs, **gain)

    ours = INITS[name].draw(0, "layer.weight", SHAPE)

    assert float(ours.std()) == pytest.approx(float(theirs.std()), rel=0.03)
    if "uniform" in name:
        assert float(ours.abs().max()) == pytest.approx(float(theirs.abs().max()), rel=0.01)


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_known_fingerprints(name: str) -> None:
    weights = INITS[name].draw(1, "layer.weight", (8, 4, 3, 3))

    assert fingerprint(weights) == FINGERPRINTS[name]


def test_uniform_weights_are_the_upper_53_bits_of_the_documented_words() -> None:
    words = rng.weight_words(5, "a", 24)
    bound = sqrt(2 / 6) * sqrt(3)
    expected = [
        np.float32((2 * ((int(w) >> 11) / 2**53) - 1) * sqrt(3) * sqrt(2 / 6)) for w in words
    ]

    weights = INITS["kaiming_uniform"].draw(5, "a", (4, 6))

    np.testing.assert_array_equal(weights.flatten().numpy(), expected)
    assert weights.abs().max() < bound


def test_scaling_by_the_kept_fraction_keeps_the_variance_of_what_remains() -> None:
    full = INITS["kaiming_normal"].draw(0, "a", SHAPE)
    scaled = INITS["kaiming_normal"].draw(0, "a", SHAPE, fan_scale=0.25)

    torch.testing.assert_close(scaled, 2 * full)


def test_fan_scale_reaches_the_network_and_ratio_stands_for_the_remaining_ratio() -> None:
    recipe = st.Recipe(ratio=0.25, network=st.NetworkRecipe(width=2, fan_scale="ratio"))
    plain, scaled = (
        st.networks.random_network(
            network, classes=3, image_shape=(1, 8, 8), seed=0, mean=[0], std=[1]
        )
        for network in (st.NetworkRecipe(width=2), recipe.network)
    )

    assert recipe.network.fan_scale == "0.25"
    for first, second in zip(plain.parameters(), scaled.parameters(), strict=True):
        torch.testing.assert_close(second, 2 * first)
