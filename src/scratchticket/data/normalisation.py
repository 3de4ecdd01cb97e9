"""The mean and standard deviation with which a network normalises its input."""

from __future__ import annotations

from math import sqrt

import numpy as np

from scratchticket.base.errors import InputError
from scratchticket.data.imageset import ImageSet
from scratchticket.data.known import KNOWN_SETS, Constants
from scratchticket.data.recipe import Normalisation

_SAMPLE = 2000  # number of images decoded from a lazy set


def normalisation(choice: Normalisation, known: str | None, train: ImageSet) -> Constants:
    """Return the normalisation chosen by a recipe.

    Args:
        choice: See :class:`DataRecipe`.
        known: Name of the data set, if it is a known one.
        train: The training part; validation images are not used.

    Raises:
        InputError: If the released code has no constants for this data.
    """
    channels = train.shape[0]
    if choice == "none":
        return Constants((0.0,) * channels, (1.0,) * channels)
    if choice == "released":
        if known is None:
            raise InputError(
                f"the released code has no normalisation for this data, only for "
                f"{', '.join(KNOWN_SETS)}; use auto, computed or none"
            )
        return KNOWN_SETS[known].released
    if choice == "auto" and known is not None:
        return KNOWN_SETS[known].published
    return computed(train)


def computed(train: ImageSet) -> Constants:
    """Return the mean and standard deviation of each channel, from exact integer histograms.

    A constant channel gets the standard deviation 1. For a lazy set, the values are estimated from
    about 2,000 evenly spaced images.
    """
    if train.lazy:
        train = train[:: -(-len(train) // _SAMPLE)]
    channels, height, width = train.shape
    counts = np.zeros((channels, 256), dtype=np.int64)
    for piece in train.pieces():
        for channel in range(channels):
            values = piece[:, channel].flatten().numpy()
            counts[channel] += np.bincount(values, minlength=256)
    pixels = len(train) * height * width
    sums = [int(total) for total in counts @ np.arange(256)]
    squares = [int(total) for total in counts @ np.arange(256) ** 2]
    spread = [pixels * square - total**2 for total, square in zip(sums, squares, strict=True)]
    return Constants(
        mean=tuple(total / (255 * pixels) for total in sums),
        std=tuple(sqrt(value) / (255 * pixels) or 1.0 for value in spread),
    )
