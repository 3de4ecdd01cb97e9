"""Masks: which weights remain. Nothing here knows of networks or data."""

from scratchticket.masks.mask import Mask
from scratchticket.masks.top import Ratio, keep_top, kept_count, parse_ratio

__all__ = ["Mask", "Ratio", "keep_top", "kept_count", "parse_ratio"]
