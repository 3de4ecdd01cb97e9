"""The highest scores of a layer remain."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import floor, sqrt

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from scratchticket.base.errors import InputError
from scratchticket.base.quantities import Quantity, fraction

Ratio = Quantity
Numbers = npt.NDArray[np.float32]
MANY = 1 << 20  # scores, from which on looking at a sample first is worth it
STRIDE = 128  # of that sample
DEVIATIONS = 4  # of the binomial distribution, on either side of what a sample says


def parse_ratio(remaining_ratio: Ratio) -> Fraction:
    """Return a remaining ratio as the exact fraction its decimal form means.

    Raises:
        InputError: If it lies outside (0, 1].
    """
    ratio = fraction(remaining_ratio, "remaining ratio")
    if not 0 < ratio <= 1:
        raise InputError(f"remaining ratio must lie in (0, 1], got {remaining_ratio}")
    return ratio


@lru_cache(maxsize=1024)  # asked for every layer in every step
def kept_count(count: int, remaining_ratio: Ratio) -> int:
    """Return how many of ``count`` weights remain: ``n - floor((1 - ratio) n)``, exactly.

    The released code truncates ``(1 - ratio) n`` in floating point and may keep one more where that
    product is an integer (decision 6).

    Example:
        >>> kept_count(1728, 0.01), kept_count(10, "0.8"), kept_count(3, 0.01)
        (18, 8, 1)
    """
    return count - floor((1 - parse_ratio(remaining_ratio)) * count)


def keep_top(scores: Tensor, remaining_ratio: Ratio) -> Tensor:
    """Keep the highest scores of one layer as a binary mask.

    ``kept_count`` of the weights remain, so that no layer is ever cut off. Equal scores are kept in
    storage order, which makes the mask a pure function of its arguments on every device. The search
    is for the threshold only: nothing is sorted.

    Args:
        scores: Importance of each weight, any shape, no NaN. Ranked as given: pass
            ``scores.abs()`` for the edge-popup rule (Ramanujan et al., 2020, arXiv:1911.13299).
        remaining_ratio: Fraction of weights kept, in (0, 1]. Fu et al. (2021) report this number;
            their released code calls it ``prune_rate``.

    Returns:
        Boolean mask shaped like ``scores``; ``True`` where the weight remains.

    Raises:
        InputError: If ``remaining_ratio`` lies outside (0, 1].

    Example:
        >>> keep_top(torch.tensor([0.3, -2.0, 0.9, 0.1]), remaining_ratio=0.5)
        tensor([ True, False,  True, False])
    """
    flat = scores.detach().reshape(-1)
    kept = kept_count(len(flat), remaining_ratio)
    if kept == len(flat):
        return torch.ones_like(scores, dtype=torch.bool)
    if flat.device.type == "cpu":
        return _chosen(flat, kept).view(scores.shape)
    return _chosen_unasked(flat, kept).view(scores.shape)


def _chosen(values: Tensor, kept: int) -> Tensor:
    """Return a mask of the highest values of a vector on a processor."""
    numbers = values.numpy()
    threshold = _ranked(numbers, len(values) - kept)
    mask = numbers >= threshold
    surplus = np.count_nonzero(mask) - kept
    if surplus:  # more weights tie at the threshold than may remain: drop the last of them
        mask[np.flatnonzero(numbers == threshold)[-surplus:]] = False
    return torch.from_numpy(mask)


def _ranked(numbers: Numbers, position: int) -> np.float32:
    """Return what would stand at a position if the numbers were sorted.

    Of many, a sample tells between which two numbers it lies, almost surely, and only those in
    between are looked at closely (Floyd and Rivest, 1975): a fifth of the time. That they are the
    right ones is counted.
    """
    if len(numbers) >= MANY:
        numbers, position = _between(numbers, position)
    # numpy's partition uses vector instructions: several times as fast as kthvalue.
    ranked: np.float32 = np.partition(numbers, position)[position]
    return ranked


def _between(numbers: Numbers, position: int) -> tuple[Numbers, int]:
    """Return fewer numbers, and where among them the one is that would stand at a position."""
    sample, share = np.sort(numbers[::STRIDE]), position / len(numbers)
    middle = share * len(sample)
    margin = DEVIATIONS * sqrt(middle * (1 - share)) + 2
    low, high = int(middle - margin), int(middle + margin)
    if high - low < len(sample) // 4:
        enough = numbers >= (sample[low] if low >= 0 else -np.inf)
        before = len(numbers) - int(np.count_nonzero(enough))
        enough &= numbers <= (sample[high] if high < len(sample) else np.inf)
        between = numbers.take(np.flatnonzero(enough))
        if 0 <= position - before < len(between):
            return between, position - before
    return numbers, position


def _chosen_unasked(values: Tensor, kept: int) -> Tensor:
    """Return the same on a device, without a question that the host would have to wait for."""
    threshold = values.topk(kept, sorted=False).values.min()  # kthvalue keeps one block busy
    above, tied = values > threshold, values == threshold
    return above | (tied & (tied.cumsum(0) <= kept - above.sum()))
