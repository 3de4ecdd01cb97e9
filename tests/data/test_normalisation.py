"""Normalisation: published for what is known, computed for the rest."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scratchticket.base.errors import InputError
from scratchticket.data import ImageSet
from scratchticket.data.known import KNOWN_SETS, recognised
from scratchticket.data.normalisation import computed, normalisation


def noise(mean: tuple[float, ...], count: int = 60) -> ImageSet:
    """Return images whose channels have about this mean."""
    values = np.random.default_rng(0).normal(mean, 0.2, (count, 32, 32, len(mean)))
    pixels = np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    return ImageSet(images, torch.zeros(count, dtype=torch.int64))


def named(count: int, first: str, last: str) -> tuple[str, ...]:
    return (first, *(f"class {i}" for i in range(count - 2)), last)


def test_computed_constants_are_those_of_the_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scratchticket.data.imageset._PIECE", 7 * 3 * 32 * 32)
    train = noise((0.2, 0.5, 0.7))

    found = computed(train)

    values = train.images.double() / 255
    np.testing.assert_allclose(found.mean, values.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(found.std, values.std((0, 2, 3), correction=0), rtol=1e-9)


def test_a_constant_channel_is_not_divided_by_zero() -> None:
    images = torch.full((4, 1, 8, 8), 51, dtype=torch.uint8)

    found = computed(ImageSet(images, torch.zeros(4, dtype=torch.int64)))

    assert (found.mean, found.std) == ((0.2,), (1.0,))


@pytest.mark.parametrize("name", KNOWN_SETS)
def test_a_copy_of_a_known_set_is_recognised(name: str) -> None:
    known = KNOWN_SETS[name]
    for classes in known.classes:
        assert recognised(named(*classes), noise(known.published.mean)) == name


def test_digits_in_colour_are_not_svhn() -> None:
    digits = named(10, "0", "9")

    assert recognised(digits, noise((0.1, 0.1, 0.1))) is None
    assert recognised(digits, noise(KNOWN_SETS["cifar10"].published.mean)) is None
    assert recognised(digits, noise((0.44,))) is None


def test_each_choice_has_its_constants() -> None:
    train = noise((0.2, 0.5, 0.7))
    cifar10, cifar100 = KNOWN_SETS["cifar10"], KNOWN_SETS["cifar100"]

    assert normalisation("auto", "cifar100", train) == cifar100.published
    assert normalisation("released", "cifar100", train) == cifar10.released
    assert normalisation("released", "svhn", train).std == (0.5, 0.5, 0.5)
    assert normalisation("computed", "cifar100", train) == computed(train)
    assert normalisation("auto", None, train) == computed(train)
    assert normalisation("none", "cifar100", train).mean == (0.0, 0.0, 0.0)
    with pytest.raises(InputError, match="released code has no normalisation for this data"):
        normalisation("released", None, train)
