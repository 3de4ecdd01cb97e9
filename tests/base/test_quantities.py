"""Fractions as people write them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from scratchticket.base.errors import InputError
from scratchticket.base.quantities import fraction, fraction_text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("8/255", Fraction(8, 255)),
        (" 8 / 255 ", Fraction(8, 255)),
        (0.1, Fraction(1, 10)),
        ("1e-3", Fraction(1, 1000)),
        (np.float64(0.07), Fraction(7, 100)),
        (1, Fraction(1)),
        ("-2", Fraction(-2)),
    ],
)
def test_a_quantity_means_what_is_written(written: object, meant: Fraction) -> None:
    assert fraction(written, "x") == meant  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["8/0", "", "eight", "1/2/3", "nan", "inf", "1e9999", "9" * 99])
def test_what_is_no_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match="epsilon must"):
        fraction(text, "epsilon")


@given(some.fractions(min_value=0, max_value=1, max_denominator=10**6))
def test_text_of_a_fraction_reads_back_exactly(value: Fraction) -> None:
    assert fraction(fraction_text(value), "x") == value
