"""Labelled images: uint8 pixels, integer labels, class names, a fixed three-way split."""

from scratchticket.data.imageset import Data, ImageSet, pixels
from scratchticket.data.registry import DATA_SETS, load_data

__all__ = ["DATA_SETS", "Data", "ImageSet", "load_data", "pixels"]
