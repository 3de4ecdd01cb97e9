"""The mask coder: exact, close to the entropy, and strict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from scratchticket.base.errors import TicketError
from scratchticket.tickets import coding, rans


@pytest.fixture(
    scope="module", params=[0, coding.MAX_LANES], ids=["together", "singly"], autouse=True
)
def few(request: pytest.FixtureRequest) -> Iterator[None]:
    """Encode and decode with both implementations."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rans, "FEW", request.param)
        yield


def random_masks(sizes: list[int], ratio: float, seed: int = 0) -> list[rans.Bits]:
    random = np.random.Generator(np.random.Philox(key=seed))
    return [random.permutation(np.arange(size) < max(1, round(ratio * size))) for size in sizes]


def random_contexts(sizes: list[int], seed: int = 0) -> list[coding.Contexts]:
    random = np.random.Generator(np.random.Philox(key=seed + 100))
    return [random.integers(0, 256, size).astype(np.uint8) for size in sizes]


def entropy(masks: list[rans.Bits]) -> float:
    """Return the entropy of the masks given their counts, in bytes."""
    return sum(coding.entropy_bits(len(m), int(m.sum())) for m in masks) / 8


@settings(deadline=None)
@given(
    some.lists(some.integers(1, 300), min_size=1, max_size=5),
    some.floats(0.001, 1),
    some.booleans(),
    some.integers(0, 9),
)
def test_decoding_undoes_encoding(
    sizes: list[int], ratio: float, with_contexts: bool, seed: int
) -> None:
    masks = random_masks(sizes, ratio, seed)
    contexts = random_contexts(sizes, seed) if with_contexts else [None] * len(sizes)

    code, plan = coding.encode(masks, contexts)

    for decoded, mask in zip(coding.decode(code, plan, contexts), masks, strict=True):
        np.testing.assert_array_equal(decoded, mask)


@pytest.mark.parametrize("lanes", [1, 2, 64, 4096])
@pytest.mark.parametrize("groups", [[(5, 1), (1, 65535), (7000, 4000)], [(3, 30000)] * 50])
def test_any_number_of_lanes_works(lanes: int, groups: list[rans.Group]) -> None:
    bits = np.random.Generator(np.random.Philox(key=1)).random(sum(n for n, _ in groups)) < 0.3

    code = rans.encode(bits, groups, lanes)

    np.testing.assert_array_equal(rans.decode(code, groups, lanes), bits)
    for one, other in zip(
        rans._encode_bits(bits, groups, lanes),
        rans._encode_lanes(bits, groups, lanes),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("sizes", "ratio", "allowed"),
    [
        ([100_000], 0.01, 1.02),
        ([100_000], 0.5, 1.02),
        ([144, 400, 2304, 9216, 36_864, 147_456], 0.05, 1.02),
        ([1_728, 36_864, 147_456, 589_824, 2_359_296, 2_359_296], 0.05, 1.005),
    ],
)
def test_code_of_random_masks_is_close_to_their_entropy(
    sizes: list[int], ratio: float, allowed: float
) -> None:
    masks = random_masks(sizes, ratio)

    code, _ = coding.encode(masks, random_contexts(sizes))  # uninformative contexts

    assert entropy(masks) <= len(code) <= allowed * entropy(masks)


def test_informative_contexts_shorten_the_code() -> None:
    (contexts,) = random_contexts([200_000])
    random = np.random.Generator(np.random.Philox(key=7))
    mask = random.random(200_000) < np.where(contexts >= 224, 0.7, 0.01)
    groups = [mask[contexts < 224], mask[contexts >= 224]]

    code, plan = coding.encode([mask], [contexts])

    assert plan.contexts[0] > 1
    assert entropy(groups) <= len(code) <= 1.02 * entropy(groups) < 0.5 * entropy([mask])


def test_layers_that_keep_everything_cost_nothing_but_the_states() -> None:
    code, plan = coding.encode([np.ones(1000, dtype=np.bool_)], [None])

    assert len(code) == 4
    assert coding.decode(code, plan, [None])[0].all()


def test_a_stream_worked_out_by_hand() -> None:
    # One lane, two bits at probability one half. The coder goes from the last bit to the first:
    # from state 2**16 a one leads to 2 * 2**16 = 0x20000, then a zero to 0x40000 + 0x8000.
    code, _ = coding.encode([np.array([False, True])], [None])

    assert code == bytes.fromhex("00800400")


@pytest.mark.parametrize(
    "damage", ["cut", "cut more", "extended", "far too long", "flipped", "count", "zero"]
)
def test_damaged_code_is_refused(damage: str) -> None:
    masks, contexts = random_masks([20_000], 0.1), random_contexts([20_000])
    masks[0] |= contexts[0] > 250
    code, plan = coding.encode(masks, contexts)
    assert plan.contexts[0] > 1
    if damage == "cut":
        code = code[:-2]
    elif damage == "cut more":
        code = code[:3]
    elif damage == "extended":
        code += b"\0\0"
    elif damage == "far too long":
        code += bytes(10**6)
    elif damage == "flipped":
        code = code[:300] + bytes([code[300] ^ 4]) + code[301:]
    elif damage == "zero":
        code = b"\0\0" + code[2:]
    else:
        plan = replace(plan, kept=(plan.kept[0] + 1,))

    with pytest.raises(TicketError, match="the mask's code is damaged"):
        coding.decode(code, plan, contexts)


@pytest.mark.parametrize(
    "change",
    [{"lanes": 0}, {"lanes": 5000}, {"contexts": (3,)}, {"contexts": (512,)}, {"sizes": (2**30,)}],
)
def test_an_impossible_plan_is_refused_before_any_work(change: dict[str, object]) -> None:
    masks = random_masks([5000], 0.1)
    code, plan = coding.encode(masks, [None])

    with pytest.raises(TicketError, match="the mask's code is damaged"):
        coding.decode(code, replace(plan, **change), [None])  # type: ignore[arg-type]
