"""Counts and their intervals."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from scratchticket.base.accuracy import Accuracy
from scratchticket.base.errors import InputError


@pytest.mark.parametrize(("correct", "total"), [(0, 5), (5, 5), (313, 360), (1, 10_000)])
def test_interval_is_wilsons(correct: int, total: int) -> None:
    reference = binomtest(correct, total).proportion_ci(0.95, method="wilson")

    assert Accuracy(correct, total).interval() == pytest.approx((reference.low, reference.high))


@pytest.mark.parametrize(("correct", "total"), [(-1, 5), (6, 5), (0, 0)])
def test_counts_that_cannot_be_are_refused(correct: int, total: int) -> None:
    with pytest.raises(InputError, match="is impossible"):
        Accuracy(correct, total)
