"""Interleaved binary rANS (Duda, 2013, arXiv:1311.2540) in integer arithmetic.

Bit ``i`` is coded by *lane* ``i % lanes``. Each lane is a coder with its own state; all lanes share
one stream of words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scratchticket.base.errors import TicketError

Bits = npt.NDArray[np.bool_]

BITS = 16  # precision of a probability, and size of a word
LOW = 1 << BITS  # a lane's state lies in [LOW, LOW << BITS)
FEW = 32  # up to this many lanes, a Python loop over bits is faster than NumPy over lanes
Group = tuple[int, int]  # number of bits, probability of a one in units of 2**-16
_ENDS_EARLY = "the mask's code is damaged: it ends too early"
_ENDS_ELSEWHERE = "the mask's code is damaged: it does not end where it should"


def encode(bits: Bits, groups: Sequence[Group], lanes: int) -> bytes:
    """Encode bits.

    Args:
        bits: Bits of all groups, concatenated.
        groups: Size and probability of each group.
        lanes: Number of interleaved coders.

    Returns:
        The lanes' final states as 32-bit words, then the stream of 16-bit words, little-endian.
    """
    states, stream = (_encode_bits if lanes <= FEW else _encode_lanes)(bits, groups, lanes)
    return np.asarray(states, dtype="<u4").tobytes() + np.asarray(stream, dtype="<u2").tobytes()


def _encode_bits(
    bits: Bits, groups: Sequence[Group], lanes: int
) -> tuple[npt.ArrayLike, npt.ArrayLike]:
    """Return final states and stream, encoded bit by bit."""
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


def _encode_lanes(
    bits: Bits, groups: Sequence[Group], lanes: int
) -> tuple[npt.ArrayLike, npt.ArrayLike]:
    """Return final states and stream, encoded one bit of every lane at a time."""
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


def decode(code: bytes, groups: Sequence[Group], lanes: int) -> Bits:
    """Return the bits of a code; inverse of :func:`encode`.

    Raises:
        TicketError: If words are missing or left over, or a lane does not end in its initial state.
    """
    states = np.frombuffer(code, "<u4", count=lanes)
    stream = np.frombuffer(code, "<u2", offset=4 * lanes)
    return (_decode_bits if lanes <= FEW else _decode_lanes)(states, stream, groups)


def _decode_bits(
    states: npt.NDArray[np.uint32], stream: npt.NDArray[np.uint16], groups: Sequence[Group]
) -> Bits:
    """Return the bits, decoded one by one."""
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


def _decode_lanes(
    states: npt.NDArray[np.uint32], stream: npt.NDArray[np.uint16], groups: Sequence[Group]
) -> Bits:
    """Return the bits, decoded one bit of every lane at a time."""
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
        state = np.where(one, share + slot, state - share - p)  # unused values may wrap around
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


def _probabilities(groups: Sequence[Group]) -> npt.NDArray[np.uint16]:
    """Return each bit's probability of a one."""
    values = np.array([probability for _, probability in groups], dtype=np.uint16)
    return np.repeat(values, [size for size, _ in groups])
