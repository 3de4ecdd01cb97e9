"""Entropy coding of masks: interleaved binary rANS (Duda, 2013, arXiv:1311.2540) in whole numbers.

All layers go through one stream. The bits of a layer are coded in groups, each with its own
probability of a one. A layer may be one group, whose probability follows from its kept count; or
the bits are grouped by a *context*, a small number that encoder and decoder both know of each
weight, such as the size of its initial score, and the groups' probabilities stand before the
stream. The layout is specified byte by byte in docs/ticket-format.md. Nothing that decides a byte's
meaning is computed in floating point: numbers of lanes and of contexts are chosen in it, and
stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

import numpy as np
import numpy.typing as npt

from scratchticket.errors import TicketError

Bits = npt.NDArray[np.bool_]
Contexts = npt.NDArray[np.uint8]

BITS = 16  # precision of probabilities, and size of a word
LOW = 1 << BITS  # a lane's state lies in [LOW, LOW << BITS)
MAX_LANES = 4096
MAX_STEPS = 1 << 17  # of the coder over a whole mask; bounds the time to read a hostile file
MAX_CONTEXTS = 256
FEW = 32  # lanes, up to which one bit after the other is faster than one array after the other
_ENDS_EARLY = "the mask's code is damaged: it ends too early"
_ENDS_ELSEWHERE = "the mask's code is damaged: it does not end where it should"
Group = tuple[int, int]  # number of bits, probability of a one in units of 2**-16


@dataclass(frozen=True)
class Plan:
    """What a decoder must know of a code besides its bytes.

    Attributes:
        sizes: Bits of each layer.
        kept: Ones of each layer, at least one.
        contexts: Groups of each layer, a power of two; 1 means that contexts are not used.
        lanes: Number of interleaved coders.
    """

    sizes: tuple[int, ...]
    kept: tuple[int, ...]
    contexts: tuple[int, ...]
    lanes: int


def entropy_bits(size: int, kept: int) -> float:
    """Return ``size * H(kept / size)``: the least a mask of known count costs, in bits."""
    if kept in (0, size):
        return 0.0
    p = kept / size
    return -size * (p * log2(p) + (1 - p) * log2(1 - p))


def _probability(size: int, ones: int) -> int:
    """Return the probability of a one in units of 2**-16, rounded half up, never 0 or 1."""
    return min(max((2 * ones * LOW + size) // (2 * size), 1), LOW - 1) if size else 1


def _histogram(contexts: Contexts) -> npt.NDArray[np.intp]:
    """Return how often each context occurs."""
    return np.bincount(contexts, minlength=MAX_CONTEXTS)


def _merged(histogram: npt.NDArray[np.intp], groups: int) -> list[int]:
    """Return the counts of ``groups`` equal ranges of contexts."""
    totals: list[int] = histogram.reshape(groups, -1).sum(axis=1).tolist()
    return totals


def _best_grouping(contexts: Contexts | None, bits: Bits) -> tuple[int, float]:
    """Return the cheapest number of groups and what the layer then costs, in bits."""
    best = 1, entropy_bits(len(bits), int(np.count_nonzero(bits)))
    if contexts is None or not best[1]:
        return best
    every, ones = _histogram(contexts), _histogram(contexts[bits])
    groups = 2
    while groups <= MAX_CONTEXTS:
        costs = map(entropy_bits, _merged(every, groups), _merged(ones, groups))
        cost = BITS * groups + sum(costs)
        if cost < best[1]:
            best = groups, cost
        groups *= 2
    return best


def _lanes(cost: float, total: int) -> int:
    """Return how many lanes to interleave, a power of two.

    Each lane costs about two bytes and makes the coder faster: as many as cost at most 0.2 %, or
    0.8 % while they are no more than 64, or as ``MAX_STEPS`` demands.
    """
    affordable = max(cost / 8 * 0.002 / 2, min(cost / 8 * 0.008 / 2, 64), 1)
    lanes = 1 << int(log2(min(affordable, MAX_LANES)))
    while lanes * MAX_STEPS < total:
        lanes *= 2
    return lanes


def _order(contexts: Contexts, groups: int) -> npt.NDArray[np.intp]:
    """Return the positions of a layer's bits group by group, in storage order within a group."""
    return np.argsort(contexts >> (8 - groups.bit_length() + 1), kind="stable")


def _probabilities(groups: Sequence[Group]) -> npt.NDArray[np.uint16]:
    """Return the probability of a one of each bit."""
    values = np.array([probability for _, probability in groups], dtype=np.uint16)
    return np.repeat(values, [size for size, _ in groups])


def encode(masks: Sequence[Bits], contexts: Sequence[Contexts | None]) -> tuple[bytes, Plan]:
    """Encode the masks of all layers.

    Args:
        masks: One-dimensional, each with at least one ``True``.
        contexts: Of each weight of each layer, a number that a decoder will know too; or none.

    Returns:
        The code: probabilities of groups as 16-bit words, the lanes' final states as 32-bit words,
        the stream of 16-bit words, all little-endian; and the plan it was made by.
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
            parts = _merged(_histogram(context), count)
            ones = _merged(_histogram(context[bits]), count)
            layer = [_probability(*pair) for pair in zip(parts, ones, strict=True)]
            stored += layer
            groups += zip(parts, layer, strict=True)
            ordered.append(bits[_order(context, count)])
        elif not bits.all():
            groups.append((len(bits), _probability(len(bits), int(np.count_nonzero(bits)))))
            ordered.append(bits)
    coded = np.concatenate(ordered) if ordered else np.empty(0, dtype=np.bool_)
    return np.array(stored, dtype="<u2").tobytes() + _encode(coded, groups, lanes), plan


def decode(code: bytes, plan: Plan, contexts: Sequence[Contexts | None]) -> list[Bits]:
    """Decode what :func:`encode` made.

    Raises:
        TicketError: If the code is too short or too long, does not end in the state it began with,
            or a layer does not hold its kept count; or if the plan cannot be one.
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
                raise TicketError("the mask's code needs initial scores, but has no seed for them")
            parts = _merged(_histogram(context), count)
            groups += zip(parts, stored[position : position + count], strict=True)
            orders[-1] = _order(context, count)
            position += count
        elif kept < size:
            groups.append((size, _probability(size, kept)))
    if any(not 0 < probability < LOW for _, probability in groups):
        raise TicketError("the mask's code is damaged: a probability is 0")
    bits = _decode(code[2 * position :], groups, plan.lanes)
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
    """Refuse a plan that no encoder makes, before any work is done for it."""
    powers = {1 << exponent for exponent in range(9)}
    if not set(plan.contexts) <= powers or not 1 <= plan.lanes <= MAX_LANES:
        raise TicketError("the mask's code is damaged: impossible numbers of contexts or lanes")
    stored = sum(count for count in plan.contexts if count > 1)
    if len(code) % 2 or len(code) < 2 * stored + 4 * plan.lanes:
        raise TicketError("the mask's code is damaged: wrong length")
    if plan.lanes * MAX_STEPS < sum(plan.sizes):
        raise TicketError("the mask's code is damaged: too few lanes for its size")


def _encode(bits: Bits, groups: Sequence[Group], lanes: int) -> bytes:
    """Return final states and stream; bit ``i`` goes to lane ``i % lanes``."""
    put = _put_singly if lanes <= FEW else _put_together
    states, stream = put(bits, groups, lanes)
    return np.asarray(states, dtype="<u4").tobytes() + np.asarray(stream, dtype="<u2").tobytes()


def _put_singly(
    bits: Bits, groups: Sequence[Group], lanes: int
) -> tuple[npt.ArrayLike, npt.ArrayLike]:
    """Return final states and stream, made bit by bit."""
    states, words, ones, stop = [LOW] * lanes, list[int](), bits.tolist(), len(bits)
    for size, p in reversed(groups):
        for i in reversed(range(stop - size, stop)):
            state, width, base = states[i % lanes], p, 0
            if not ones[i]:
                width, base = LOW - p, p
            if state >= width << BITS:
                words.append(state & LOW - 1)
                state >>= BITS
            states[i % lanes] = (state // width << BITS) + state % width + base
        stop -= size
    return states, words[::-1]


def _put_together(
    bits: Bits, groups: Sequence[Group], lanes: int
) -> tuple[npt.ArrayLike, npt.ArrayLike]:
    """Return final states and stream, made step by step."""
    probabilities = _probabilities(groups)
    states = np.full(lanes, LOW, dtype=np.uint32)
    words: list[npt.NDArray[np.uint16]] = []
    shift, low = np.uint32(BITS), np.uint32(LOW)
    for start in reversed(range(0, len(bits), lanes)):
        one = bits[start : start + lanes]
        state = states[: len(one)]
        p = probabilities[start : start + lanes]
        width = np.where(one, p, low - p)
        full = state >= (width << shift)
        words.append(state[full].astype(np.uint16))
        state = np.where(full, state >> shift, state)
        quotient, rest = np.divmod(state, width)
        states[: len(one)] = (quotient << shift) + rest + np.where(one, np.uint16(0), p)
    return states, np.concatenate([np.empty(0, dtype=np.uint16), *words[::-1]])


def _decode(code: bytes, groups: Sequence[Group], lanes: int) -> Bits:
    """Undo :func:`_encode`."""
    states = np.frombuffer(code, "<u4", count=lanes)
    stream = np.frombuffer(code, "<u2", offset=4 * lanes)
    return (_take_singly if lanes <= FEW else _take_together)(states, stream, groups)


def _take_singly(
    states: npt.NDArray[np.uint32], stream: npt.NDArray[np.uint16], groups: Sequence[Group]
) -> Bits:
    """Return what was put into states and stream, bit by bit."""
    lanes, words, start = states.tolist(), iter(stream.tolist()), 0
    count = len(lanes)
    bits = bytearray(sum(size for size, _ in groups))
    try:
        for size, p in groups:
            for i in range(start, start + size):
                state = lanes[i % count]
                slot = state & LOW - 1
                if slot < p:
                    bits[i] = 1
                    state = p * (state >> BITS) + slot
                else:
                    state = (LOW - p) * (state >> BITS) + slot - p
                if state < LOW:
                    state = state << BITS | next(words)
                lanes[i % count] = state
            start += size
    except StopIteration:
        raise TicketError(_ENDS_EARLY) from None
    if next(words, None) is not None or set(lanes) != {LOW}:
        raise TicketError(_ENDS_ELSEWHERE)
    return np.frombuffer(bits, dtype=np.bool_)


def _take_together(
    states: npt.NDArray[np.uint32], stream: npt.NDArray[np.uint16], groups: Sequence[Group]
) -> Bits:
    """Return what was put into states and stream, step by step."""
    probabilities, lanes = _probabilities(groups), len(states)
    states, words = states.astype(np.uint32), stream.astype(np.uint32)
    bits = np.empty(len(probabilities), dtype=np.bool_)
    shift, low, position = np.uint32(BITS), np.uint32(LOW), 0
    for start in range(0, len(bits), lanes):
        p = probabilities[start : start + lanes]
        state = states[: len(p)]
        slot = state & (low - 1)
        one = slot < p
        bits[start : start + lanes] = one
        share = (state >> shift) * p
        state = np.where(one, share + slot, state - share - p)  # of a one, the latter wraps around
        (short,) = (state < low).nonzero()
        end = position + len(short)
        if end > len(words):
            raise TicketError(_ENDS_EARLY)
        state[short] = (state[short] << shift) | words[position:end]
        position = end
        states[: len(p)] = state
    if position != len(words) or (states != LOW).any():
        raise TicketError(_ENDS_ELSEWHERE)
    return bits
