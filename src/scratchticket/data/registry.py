"""Data sets by name."""

from __future__ import annotations

from collections.abc import Callable

from scratchticket.data.digits import load_digits
from scratchticket.data.imageset import Data
from scratchticket.errors import unknown

DATA_SETS: dict[str, Callable[[], Data]] = {"digits": load_digits}


def load_data(name: str) -> Data:
    """Load a data set.

    Args:
        name: ``"digits"``.

    Raises:
        InputError: If the name is not known.

    Example:
        >>> data = load_data("digits")
        >>> len(data.train), len(data.validation), len(data.test), data.shape
        (1257, 180, 360, (1, 8, 8))
    """
    if name not in DATA_SETS:
        raise unknown("data set", name, DATA_SETS)
    return DATA_SETS[name]()
