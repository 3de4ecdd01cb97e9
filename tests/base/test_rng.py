"""The numbers of the random network are what the documentation says, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import numpy as np
import pytest
import torch

from scratchticket.base import rng
from scratchticket.base.errors import InputError

MASK = (1 << 64) - 1


def philox_words(key: int) -> Iterator[int]:
    """Yield the words of Philox 4x64-10 (Salmon et al., 2011) in plain Python integers."""
    counter = 0
    while True:
        counter += 1  # NumPy counts up before each block of four words
        words = [(counter >> (64 * i)) & MASK for i in range(4)]
        low, high = key & MASK, key >> 64
        for _ in range(10):
            first, second = words[0] * 0xD2E7470EE14C6C93, words[2] * 0xCA5A826395121157
            words = [
                (second >> 64) ^ words[1] ^ low,
                second & MASK,
                (first >> 64) ^ words[3] ^ high,
                first & MASK,
            ]
            low, high = (low + 0x9E3779B97F4A7C15) & MASK, (high + 0xBB67AE8584CAA73B) & MASK
        yield from words


@pytest.mark.parametrize(("seed", "name"), [(0, "conv1.weight"), (2**63 - 1, "fc.weight")])
def test_weight_words_are_philox_keyed_with_the_hash_of_seed_and_name(seed: int, name: str) -> None:
    digest = sha256(f"scratchticket-v1:{seed}:{name}".encode()).digest()
    reference = philox_words(int.from_bytes(digest[:16], "little"))

    words = rng.weight_words(seed, name, 23)

    assert [int(word) for word in words] == [next(reference) for _ in range(23)]


def test_signs_take_bits_from_the_lowest_of_the_first_word_and_one_means_plus() -> None:
    words = np.array([0b1011, 1], dtype=np.uint64)

    signs = rng.signs(words, 65)

    assert signs[:5].tolist() == [1, 1, -1, 1, -1]
    assert signs[64] == 1
    assert len(signs) == 65


def test_uniforms_are_the_upper_53_bits() -> None:
    words = np.array([0, 2**64 - 1, 2**63, 2**11 - 1], dtype=np.uint64)

    assert rng.uniforms(words).tolist() == [0.0, 1 - 2.0**-53, 0.5, 0.0]


def test_permutation_is_one_and_depends_on_every_part_of_its_key() -> None:
    first = rng.permutation(100, 0, "batches", 3)

    assert sorted(first.tolist()) == list(range(100))
    assert torch.equal(first, rng.permutation(100, 0, "batches", 3))
    for other in [(1, "batches", 3), (0, "augmentation", 3), (0, "batches", 4)]:
        assert not torch.equal(first, rng.permutation(100, *other))  # type: ignore[arg-type]


def test_generators_repeat_and_differ_by_purpose_and_position() -> None:
    def draw(*key: object) -> list[float]:
        return torch.rand(4, generator=rng.generator(*key)).tolist()  # type: ignore[arg-type]

    assert draw(0, "attack", 7) == draw(0, "attack", 7)
    draws = [draw(0, "attack", 7), draw(0, "attack", 8), draw(0, "switch", 7), draw(1, "attack", 7)]
    assert len({tuple(values) for values in draws}) == 4


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, "0"])
def test_a_seed_that_is_none_is_refused(seed: object) -> None:
    with pytest.raises(InputError, match="seed must be an integer"):
        rng.check_seed(seed)  # type: ignore[arg-type]


def test_score_contexts_are_the_magnitudes_of_the_initial_scores() -> None:
    magnitudes = np.abs(2 * rng.uniforms(rng.score_words(4, "a", 5000)) - 1)

    contexts = rng.score_contexts(4, "a", 5000)

    np.testing.assert_array_equal(contexts, np.minimum(magnitudes * 256, 255).astype(np.uint8))


def test_reseeding_is_that_of_pytorch() -> None:
    with torch.random.fork_rng([]):
        torch.manual_seed(7)
        expected = torch.rand(3)
        rng.reseed(7, torch.device("cpu"))
        assert torch.equal(torch.rand(3), expected)
