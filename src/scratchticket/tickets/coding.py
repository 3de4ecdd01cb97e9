"""Entropy coding of masks: interleaved binary rANS (Duda, 2013, arXiv:1311.2540) in whole numbers.

All layers go through one stream. Each bit is coded with its layer's own probability of a one, which
follows from the layer's size and kept count and so needs no room of its own. The stream is
specified byte by byte in docs/ticket-format.md; nothing here is computed in floating point except
the choice of the number of lanes, which is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, log2

import numpy as np
import numpy.typing as npt

from scratchticket.errors import TicketError

Bits = npt.NDArray[np.bool_]
Layer = tuple[int, int]  # size, kept

BITS = 16  # precision of probabilities, and size of a word
LOW = 1 << BITS  # a lane's state lies in [LOW, LOW << BITS)
MAX_LANES = 4096
MAX_STEPS = 1 << 18  # of the coder over a whole mask; bounds the time to read a hostile file


def entropy_bits(size: int, kept: int) -> float:
    """Return ``size * H(kept / size)``: the least a mask of known count costs, in bits."""
    if kept in (0, size):
        return 0.0
    p = kept / size
    return -size * (p * log2(p) + (1 - p) * log2(1 - p))


def _frequency(size: int, kept: int) -> int:
    """Return the probability of a one in units of 2**-16, rounded half up, never 0 or 1."""
    return min(max((2 * kept * LOW + size) // (2 * size), 1), LOW - 1)


def lanes_for(layers: Sequence[Layer]) -> int:
    """Return how many lanes to interleave, a power of two.

    Each lane costs about two bytes and makes the coder faster: as many as cost at most 0.2 %, or as
    ``MAX_STEPS`` demands.
    """
    affordable = sum(entropy_bits(*layer) for layer in layers) / 8 * 0.002 / 2
    lanes = 1 << int(log2(min(max(affordable, 1), MAX_LANES)))
    while lanes * MAX_STEPS < sum(size for size, _ in layers):
        lanes *= 2
    return lanes


def _steps(layers: Sequence[Layer], lanes: int) -> Iterator[tuple[int, int, int]]:
    """Yield (first bit, number of bits, frequency of a one) of each step, over all layers.

    Layers that keep everything or nothing carry no bits.
    """
    start = 0
    for size, kept in layers:
        if 0 < kept < size:
            frequency = _frequency(size, kept)
            for offset in range(0, size, lanes):
                yield start + offset, min(lanes, size - offset), frequency
        start += size


def encode(bits: Bits, layers: Sequence[Layer], lanes: int) -> bytes:
    """Encode the bits of all layers.

    Args:
        bits: The layers' masks one after the other, ``(sum of sizes,)``.
        layers: Size and kept count of each layer.
        lanes: Number of interleaved coders.

    Returns:
        The lanes' final states as 32-bit words, then the stream of 16-bit words, little-endian.
    """
    states = np.full(lanes, LOW, dtype=np.uint32)
    words: list[npt.NDArray[np.uint16]] = []
    for start, count, frequency in reversed(list(_steps(layers, lanes))):
        one = bits[start : start + count]
        state = states[:count]
        width = np.where(one, np.uint32(frequency), np.uint32(LOW - frequency))
        full = state >= (width << np.uint32(BITS))
        words.append(state[full].astype(np.uint16))
        state = np.where(full, state >> np.uint32(BITS), state)
        quotient = np.where(one, state // np.uint32(frequency), state // np.uint32(LOW - frequency))
        rest = state - quotient * width
        base = np.where(one, np.uint32(0), np.uint32(frequency))
        states[:count] = (quotient << np.uint32(BITS)) + rest + base
    stream = np.concatenate(words[::-1]) if words else np.empty(0, dtype=np.uint16)
    return states.astype("<u4").tobytes() + stream.astype("<u2").tobytes()


def decode(code: bytes, layers: Sequence[Layer], lanes: int) -> Bits:
    """Decode what :func:`encode` made.

    Raises:
        TicketError: If the code is too short or too long, does not end in the state it began with,
            or a layer does not hold its kept count.
    """
    if not 1 <= lanes <= MAX_LANES or len(code) < 4 * lanes or len(code) % 2:
        raise TicketError("the mask's code is damaged: wrong length")
    if lanes * MAX_STEPS < sum(size for size, _ in layers):
        raise TicketError("the mask's code is damaged: too few lanes for its size")
    states = np.frombuffer(code, "<u4", count=lanes).astype(np.uint32)
    stream = np.frombuffer(code, "<u2", offset=4 * lanes).astype(np.uint32)
    bits = np.concatenate([np.full(size, kept == size) for size, kept in layers])
    position = 0
    for start, count, frequency in _steps(layers, lanes):
        state = states[:count]
        slot = state & np.uint32(LOW - 1)
        one = slot < frequency
        bits[start : start + count] = one
        width = np.where(one, np.uint32(frequency), np.uint32(LOW - frequency))
        base = np.where(one, np.uint32(0), np.uint32(frequency))
        state = width * (state >> np.uint32(BITS)) + slot - base
        low = np.flatnonzero(state < LOW)
        if position + len(low) > len(stream):
            raise TicketError("the mask's code is damaged: it ends too early")
        state[low] = (state[low] << np.uint32(BITS)) | stream[position : position + len(low)]
        position += len(low)
        states[:count] = state
    if position != len(stream) or (states != LOW).any():
        raise TicketError("the mask's code is damaged: it does not end where it should")
    ends = np.cumsum([size for size, _ in layers])
    for (size, kept), end in zip(layers, ends, strict=True):
        if np.count_nonzero(bits[end - size : end]) != kept:
            raise TicketError("the mask's code is damaged: wrong kept count")
    return bits


def code_bytes_at_least(layers: Sequence[Layer]) -> int:
    """Return the entropy of masks with these counts, in whole bytes."""
    return ceil(sum(entropy_bits(*layer) for layer in layers) / 8)
