"""Data sets: uint8 pixels, integer labels, class names, a fixed three-way split."""

from scratchticket.data.augmentation import AUGMENTATIONS, augmented
from scratchticket.data.extent import Extent, extent
from scratchticket.data.imageset import Data, ImageSet, pixels
from scratchticket.data.recipe import DataRecipe
from scratchticket.data.registry import DATA_SETS, load_data
from scratchticket.data.sequences import gather

__all__ = [
    "AUGMENTATIONS",
    "DATA_SETS",
    "Data",
    "DataRecipe",
    "Extent",
    "ImageSet",
    "augmented",
    "extent",
    "gather",
    "load_data",
    "pixels",
]
