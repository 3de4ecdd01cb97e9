"""The mask of the highest scores of a layer: an exact, deterministic top-k."""

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
SAMPLING_SIZE = 1 << 20  # number of scores from which sampling before the selection is faster
STRIDE = 128  # the sample is every 128th score
DEVIATIONS = 4  # half-width of the sampled bracket, in binomial standard deviations


def parse_ratio(remaining_ratio: Ratio) -> Fraction:
    """Return a remaining ratio as an exact fraction; 0.1 is 1/10.

    Raises:
        InputError: If it lies outside (0, 1].
    """
    ratio = fraction(remaining_ratio, "remaining ratio")
    if not 0 < ratio <= 1:
        raise InputError(f"remaining ratio must lie in (0, 1], got {remaining_ratio}")
    return ratio


@lru_cache(maxsize=1024)  # called for every layer in every step
def kept_count(count: int, remaining_ratio: Ratio) -> int:
    """Return how many of ``count`` weights remain: ``n - floor((1 - ratio) n)``, exactly.

    The released code truncates ``(1 - ratio) n`` in floating point, and may keep one weight more
    where that product is an integer (decision 6).

    Example:
        >>> kept_count(1728, 0.01), kept_count(10, "0.8"), kept_count(3, 0.01)
        (18, 8, 1)
    """
    return count - floor((1 - parse_ratio(remaining_ratio)) * count)


def keep_top(scores: Tensor, remaining_ratio: Ratio) -> Tensor:
    """Return the mask of the highest scores of one layer.

    At least one weight remains, see :func:`kept_count`. Ties are kept in storage order, which makes
    the mask a pure function of its arguments on every device. Only the threshold is computed;
    nothing is sorted.

    Args:
        scores: Importance of each weight, any shape, no NaN. Signed: pass ``scores.abs()`` for the
            edge-popup rule (Ramanujan et al., 2020, arXiv:1911.13299).
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
        return _top_k_mask(flat, kept).view(scores.shape)
    return _top_k_mask_on_device(flat, kept).view(scores.shape)


def _top_k_mask(values: Tensor, kept: int) -> Tensor:
    """Return the mask of the highest values of a vector, on the CPU."""
    numbers = values.numpy()
    threshold = _order_statistic(numbers, len(values) - kept)
    mask = numbers >= threshold
    surplus = np.count_nonzero(mask) - kept
    if surplus:  # more ties at the threshold than fit: drop the last ones
        mask[np.flatnonzero(numbers == threshold)[-surplus:]] = False
    return torch.from_numpy(mask)


def _order_statistic(numbers: Numbers, position: int) -> np.float32:
    """Return the number at a position of the sorted numbers.

    For many numbers, a sample gives a bracket that almost surely contains it, and only the numbers
    in the bracket are partitioned (Floyd and Rivest, 1975), which takes a fifth of the time. A
    count verifies the bracket.
    """
    if len(numbers) >= SAMPLING_SIZE:
        numbers, position = _bracketed(numbers, position)
    # numpy's partition uses vector instructions: several times as fast as kthvalue.
    ranked: np.float32 = np.partition(numbers, position)[position]
    return ranked


def _bracketed(numbers: Numbers, position: int) -> tuple[Numbers, int]:
    """Return a subset of the numbers, and the position in it of the same order statistic."""
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


def _top_k_mask_on_device(values: Tensor, kept: int) -> Tensor:
    """Return the mask of the highest values of a vector, without host-device synchronisation."""
    threshold = values.topk(kept, sorted=False).values.min()  # kthvalue uses one thread block only
    above, tied = values > threshold, values == threshold
    return above | (tied & (tied.cumsum(0) <= kept - above.sum()))
