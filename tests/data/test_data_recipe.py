"""A data recipe holds only what can be meant."""

from __future__ import annotations

from typing import Any

import pytest

from scratchticket.base.errors import InputError
from scratchticket.data import DataRecipe


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": ""}, "a known name or a path"),
        ({"size": 0}, "size must be from 1 to 4096 pixels, got 0"),
        ({"validation": -0.1}, r"validation must lie in \[0, 1\).*got -0.1"),
        ({"validation": "1"}, r"validation must lie in \[0, 1\).*got 1"),
        ({"validation": "much"}, "validation must be a number"),
        ({"normalisation": "compute"}, "unknown normalisation 'compute'; did you mean 'computed'"),
        ({"colour": "gray"}, "unknown colour 'gray'; did you mean 'grey'"),
        ({"seed": -1}, "seed must be an integer"),
    ],
)
def test_what_cannot_be_meant_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DataRecipe(**values)


def test_equal_fractions_make_equal_recipes() -> None:
    assert DataRecipe(validation=0.10) == DataRecipe(validation="1/10") == DataRecipe()
