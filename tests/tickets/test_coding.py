"""The mask coder: exact, close to the entropy, and strict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from scratchticket.errors import TicketError
from scratchticket.tickets import coding


def layers_of(bits: list[np.ndarray]) -> list[tuple[int, int]]:
    return [(len(layer), int(layer.sum())) for layer in bits]


def random_layers(sizes: list[int], ratio: float, seed: int = 0) -> list[np.ndarray]:
    random = np.random.Generator(np.random.Philox(key=seed))
    return [random.permutation(np.arange(size) < max(1, round(ratio * size))) for size in sizes]


@settings(deadline=None)
@given(
    some.lists(some.integers(1, 300), min_size=1, max_size=5),
    some.floats(0.001, 1),
    some.sampled_from([1, 2, 8, 64]),
    some.integers(0, 9),
)
def test_decoding_undoes_encoding(sizes: list[int], ratio: float, lanes: int, seed: int) -> None:
    bits = random_layers(sizes, ratio, seed)
    layers = layers_of(bits)

    code = coding.encode(np.concatenate(bits), layers, lanes)

    decoded = coding.decode(code, layers, lanes)
    np.testing.assert_array_equal(decoded, np.concatenate(bits))


@pytest.mark.parametrize(
    ("sizes", "ratio", "allowed"),
    [
        ([100_000], 0.01, 1.02),
        ([100_000], 0.5, 1.02),
        ([144, 400, 2304, 9216, 36_864, 147_456], 0.05, 1.02),
        ([1_728, 36_864, 147_456, 589_824, 2_359_296, 2_359_296], 0.05, 1.005),
    ],
)
def test_code_is_close_to_the_entropy(sizes: list[int], ratio: float, allowed: float) -> None:
    bits = random_layers(sizes, ratio)
    layers = layers_of(bits)

    code = coding.encode(np.concatenate(bits), layers, coding.lanes_for(layers))

    entropy = sum(coding.entropy_bits(*layer) for layer in layers) / 8
    assert entropy <= len(code) <= allowed * entropy


def test_layers_that_keep_everything_cost_nothing_but_the_states() -> None:
    code = coding.encode(np.ones(1000, dtype=bool), [(1000, 1000)], 1)

    assert len(code) == 4


def test_a_stream_worked_out_by_hand() -> None:
    # One lane, two bits at probability one half: frequency 2**15. The coder goes from the last bit
    # to the first: a one maps state x to 2x - (x mod 2**15), a zero to 2**15 more.
    # 0x10000 -(one)-> 0x20000 -(zero)-> 0x48000.
    code = coding.encode(np.array([False, True]), [(2, 1)], 1)

    assert code == bytes.fromhex("00800400")


@pytest.mark.parametrize("damage", ["cut", "extended", "flipped", "other count"])
def test_damaged_code_is_refused(damage: str) -> None:
    bits = random_layers([5000], 0.1)
    layers = layers_of(bits)
    code = coding.encode(np.concatenate(bits), layers, 4)
    if damage == "cut":
        code = code[:-2]
    elif damage == "extended":
        code += b"\0\0"
    elif damage == "flipped":
        code = code[:100] + bytes([code[100] ^ 4]) + code[101:]
    else:
        layers = [(5000, layers[0][1] + 1)]

    with pytest.raises(TicketError, match="the mask's code is damaged"):
        coding.decode(code, layers, 4)
