"""The normal quantile is right, and made of exact operations only."""

from __future__ import annotations

import ast
import inspect

import numpy as np
from hypothesis import given
from hypothesis import strategies as some
from scipy.special import ndtri

from scratchticket.base import quantile, rng
from scratchticket.base.quantile import log, normal_quantile


@given(some.integers(0, 2**52 - 1))
def test_quantiles_agree_with_scipy_to_the_last_digits(upper: int) -> None:
    word = np.array([upper << 12], dtype=np.uint64)

    ours = rng.normals(word)

    np.testing.assert_allclose(ours, ndtri((upper + 0.5) * 2.0**-52), rtol=2e-14, atol=1e-300)


def test_many_quantiles_agree_with_scipy() -> None:
    words = rng.weight_words(0, "a", 200_000)
    probabilities = ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52

    np.testing.assert_allclose(rng.normals(words), ndtri(probabilities), rtol=3e-15)


def test_quantiles_are_antisymmetric_and_finite_at_the_ends() -> None:
    upper = np.array([0, 1, 12345, 2**51 - 1], dtype=np.uint64)
    mirrored = np.uint64(2**52 - 1) - upper

    low, high = (rng.normals(numbers << np.uint64(12)) for numbers in (upper, mirrored))

    np.testing.assert_array_equal(low, -high)
    assert 8.2 < high[0] < 8.21


def test_the_logarithm_is_right() -> None:
    x = np.concatenate([2.0 ** np.arange(-60, 2), np.linspace(1e-6, 1, 1000)])

    np.testing.assert_allclose(log(x), np.log(x), rtol=1e-15, atol=1e-16)


def test_only_correctly_rounded_operations_touch_the_numbers() -> None:
    allowed = {"abs", "frexp", "sqrt", "where", "zeros_like", "empty_like", "float64"}
    tree = ast.parse(inspect.getsource(quantile))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "np"
    }

    assert used == allowed
    assert len(normal_quantile(np.zeros(100_000))) == 100_000  # in several chunks
