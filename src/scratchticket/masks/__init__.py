"""Masks: which weights remain. Independent of networks and data."""

from scratchticket.masks.mask import Mask
from scratchticket.masks.pattern import Pattern, score_bound
from scratchticket.masks.selector import Selector
from scratchticket.masks.top import Ratio, keep_top, kept_count, parse_ratio

__all__ = [
    "Mask",
    "Pattern",
    "Ratio",
    "Selector",
    "keep_top",
    "kept_count",
    "parse_ratio",
    "score_bound",
]
