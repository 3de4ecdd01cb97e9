"""From what attacks did to the numbers of a record."""

from __future__ import annotations

import pytest
import torch

from scratchticket.attacks.sets import chances
from scratchticket.switching.report import Members, expectation


@pytest.mark.parametrize("count", [1, 3, 6, 7, 49])
def test_what_is_always_right_is_right_with_certainty(count: int) -> None:
    """Equal probabilities may add up to a little more than 1, which no record may say."""
    members = Members(tuple(map(str, range(count))), chances(None, count))

    found = expectation(members.expected(torch.ones(40, count, dtype=torch.bool)))

    assert 1 - 1e-12 < found["expected"] <= 1
    assert found["interval"][1] <= 1


def test_given_probabilities_add_up_to_one() -> None:
    given = chances([0.3333333, 0.3333333, 0.3333333], 3)

    assert given.dtype == torch.float64
    assert float(given.sum()) == pytest.approx(1, abs=1e-15)
