"""The number and shape of a data recipe's images, known before they are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Self

from scratchticket.data.imageset import Data
from scratchticket.data.known import KNOWN_SETS, OWN_SIZE
from scratchticket.data.recipe import DataRecipe, class_names
from scratchticket.data.registry import load_data


@dataclass(frozen=True)
class Extent:
    """Numbers of images, their shape, and the number of classes.

    Attributes:
        train: Number of training images, without those held out for validation.
        test: Number of test images.
        shape: ``(channel, height, width)``.
        classes: Number of classes.
    """

    train: int
    test: int
    shape: tuple[int, int, int]
    classes: int

    @classmethod
    def of(cls, data: Data) -> Self:
        """Return the extent of loaded data."""
        return cls(len(data.train), len(data.test), data.shape, len(data.classes))


@cache
def extent(recipe: DataRecipe) -> Extent | None:
    """Return the extent of a recipe's data without a download; None if it is unknown.

    For a known data set it follows from the published sizes, assuming classes of equal size; the
    digits are in the package. Other data would have to be read.

    Example:
        >>> extent(DataRecipe("cifar10"))
        Extent(train=45000, test=10000, shape=(3, 32, 32), classes=10)
    """
    if recipe.name == "digits":
        return Extent.of(load_data(recipe))
    if (known := KNOWN_SETS.get(recipe.name)) is None:
        return None
    every = known.classes[0][0]
    classes = every if recipe.classes is None else len(class_names(recipe.classes))
    train, test = (count * classes // every for count in (known.train, known.test))
    train -= round(train * recipe.exact_validation)
    size = recipe.size or known.size or OWN_SIZE
    channels = 1 if recipe.colour == "grey" else 3
    return Extent(min(recipe.train_images or train, train), test, (channels, size, size), classes)
