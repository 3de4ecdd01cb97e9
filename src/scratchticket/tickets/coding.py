"""Entropy coding of masks.

The bits of all layers are coded into one stream. A layer is either one group of bits, whose
probability of a one follows from the kept count, or it is split into groups by *context*: a small
number that encoder and decoder both know for each weight, such as its initial score's magnitude.
The probability of each such group is stored in front of the stream. docs/ticket-format.md specifies
every byte. The decoder uses no floating point; the encoder uses it only to choose the numbers of
lanes and groups, which are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

import numpy as np
import numpy.typing as npt

from scratchticket.base.errors import TicketError
from scratchticket.tickets import rans
from scratchticket.tickets.rans import BITS, LOW, Bits, Group

Contexts = npt.NDArray[np.uint8]

MAX_LANES = 4096
MAX_STEPS = 1 << 17  # bits coded by one lane; bounds the time to read a hostile file
MAX_CONTEXTS = 256


@dataclass(frozen=True)
class Plan:
    """The parameters that a decoder needs besides the code.

    Attributes:
        sizes: Number of bits of each layer.
        kept: Number of ones of each layer, at least one.
        contexts: Number of groups of each layer, a power of two; 1 means no contexts.
        lanes: Number of interleaved coders.
    """

    sizes: tuple[int, ...]
    kept: tuple[int, ...]
    contexts: tuple[int, ...]
    lanes: int


def entropy_bits(size: int, kept: int) -> float:
    """Return the entropy of a mask whose kept count is known: ``size * H(kept / size)`` bits."""
    if kept in (0, size):
        return 0.0
    p = kept / size
    return -size * (p * log2(p) + (1 - p) * log2(1 - p))


def _probability(size: int, ones: int) -> int:
    """Return the probability of a one in units of 2**-16, rounded half up, never 0 or 1."""
    return min(max((2 * ones * LOW + size) // (2 * size), 1), LOW - 1) if size else 1


def _histogram(contexts: Contexts) -> npt.NDArray[np.intp]:
    """Return the number of weights in each context."""
    return np.bincount(contexts, minlength=MAX_CONTEXTS)


def _group_sizes(histogram: npt.NDArray[np.intp], groups: int) -> list[int]:
    """Return the number of weights in each of ``groups`` equal ranges of contexts."""
    totals: list[int] = histogram.reshape(groups, -1).sum(axis=1).tolist()
    return totals


def _best_grouping(contexts: Contexts | None, bits: Bits) -> tuple[int, float]:
    """Return the number of groups that gives the shortest code, and the code's length in bits."""
    best = 1, entropy_bits(len(bits), int(np.count_nonzero(bits)))
    if contexts is None or not best[1]:
        return best
    every, ones = _histogram(contexts), _histogram(contexts[bits])
    groups = 2
    while groups <= MAX_CONTEXTS:
        costs = map(entropy_bits, _group_sizes(every, groups), _group_sizes(ones, groups))
        cost = BITS * groups + sum(costs)
        if cost < best[1]:
            best = groups, cost
        groups *= 2
    return best


def _lanes(cost: float, total: int) -> int:
    """Return the number of lanes to interleave, a power of two.

    Beyond :data:`~scratchticket.tickets.rans.FEW`, more lanes are faster, but each costs about two
    bytes. The result is the largest number that adds at most 0.2 % to the code (0.8 % up to 64
    lanes), or the smallest that ``MAX_STEPS`` allows if that is larger.
    """
    affordable = max(cost / 8 * 0.002 / 2, min(cost / 8 * 0.008 / 2, 64), 1)
    lanes = 1 << int(log2(min(affordable, MAX_LANES)))
    while lanes * MAX_STEPS < total:
        lanes *= 2
    return lanes


def _order(contexts: Contexts, groups: int) -> npt.NDArray[np.intp]:
    """Return the positions of a layer's bits, sorted by group, in storage order within a group."""
    return np.argsort(contexts >> (8 - groups.bit_length() + 1), kind="stable")


def encode(masks: Sequence[Bits], contexts: Sequence[Contexts | None]) -> tuple[bytes, Plan]:
    """Encode the masks of all layers.

    Args:
        masks: One-dimensional, each with at least one ``True``.
        contexts: For each layer, the context of each weight; None to code it as one group.

    Returns:
        The code and the plan to decode it. The code is little-endian: the groups' probabilities as
        16-bit words, the lanes' final states as 32-bit words, the stream of 16-bit words.
    """
    chosen = [_best_grouping(*pair) for pair in zip(contexts, masks, strict=True)]
    sizes = tuple(len(bits) for bits in masks)
    kept = tuple(int(np.count_nonzero(bits)) for bits in masks)
    lanes = _lanes(sum(cost for _, cost in chosen), sum(sizes))
    plan = Plan(sizes, kept, tuple(count for count, _ in chosen), lanes)
    groups: list[Group] = []
    stored: list[int] = []
    ordered: list[Bits] = []
    for bits, context, count in zip(masks, contexts, plan.contexts, strict=True):
        if count > 1:
            assert context is not None
            parts = _group_sizes(_histogram(context), count)
            ones = _group_sizes(_histogram(context[bits]), count)
            layer = [_probability(*pair) for pair in zip(parts, ones, strict=True)]
            stored += layer
            groups += zip(parts, layer, strict=True)
            ordered.append(bits[_order(context, count)])
        elif not bits.all():
            groups.append((len(bits), _probability(len(bits), int(np.count_nonzero(bits)))))
            ordered.append(bits)
    coded = np.concatenate(ordered) if ordered else np.empty(0, dtype=np.bool_)
    return np.array(stored, dtype="<u2").tobytes() + rans.encode(coded, groups, lanes), plan


def decode(code: bytes, plan: Plan, contexts: Sequence[Contexts | None]) -> list[Bits]:
    """Return the masks of a code; inverse of :func:`encode`.

    Raises:
        TicketError: If the plan is invalid, the code is too short or too long, the coder does not
            end in its initial state, or a layer's number of ones is not its kept count.
    """
    _check(plan, code)
    grouped = [count for count in plan.contexts if count > 1]
    stored = np.frombuffer(code, "<u2", count=sum(grouped)).tolist()
    groups: list[Group] = []
    orders: list[npt.NDArray[np.intp] | None] = []
    position = 0
    for size, kept, count, context in zip(
        plan.sizes, plan.kept, plan.contexts, contexts, strict=True
    ):
        orders.append(None)
        if count > 1:
            if context is None:
                raise TicketError(
                    "the mask's code needs initial scores, but the header has no seed for them"
                )
            parts = _group_sizes(_histogram(context), count)
            groups += zip(parts, stored[position : position + count], strict=True)
            orders[-1] = _order(context, count)
            position += count
        elif kept < size:
            groups.append((size, _probability(size, kept)))
    if any(not 0 < probability < LOW for _, probability in groups):
        raise TicketError("the mask's code is damaged: a probability is 0")
    bits = rans.decode(code[2 * position :], groups, plan.lanes)
    masks: list[Bits] = []
    start = 0
    for size, kept, count, order in zip(plan.sizes, plan.kept, plan.contexts, orders, strict=True):
        mask = np.ones(size, dtype=np.bool_)
        if count > 1 or kept < size:
            mask[order if order is not None else slice(None)] = bits[start : start + size]
            start += size
        if np.count_nonzero(mask) != kept:
            raise TicketError("the mask's code is damaged: wrong kept count")
        masks.append(mask)
    return masks


def _check(plan: Plan, code: bytes) -> None:
    """Refuse an impossible plan before memory or time is spent on it."""
    powers = {1 << exponent for exponent in range(9)}
    if not set(plan.contexts) <= powers or not 1 <= plan.lanes <= MAX_LANES:
        raise TicketError("the mask's code is damaged: impossible numbers of contexts or lanes")
    stored = sum(count for count in plan.contexts if count > 1)
    least = 2 * stored + 4 * plan.lanes
    most = least + 2 * sum(plan.sizes)  # at most one word of the stream per bit
    if len(code) % 2 or not least <= len(code) <= most:
        raise TicketError("the mask's code is damaged: wrong length")
    if plan.lanes * MAX_STEPS < sum(plan.sizes):
        raise TicketError("the mask's code is damaged: too few lanes for its size")
