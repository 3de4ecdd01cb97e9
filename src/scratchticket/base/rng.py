"""Randomness has names: every draw comes from one integer seed and a purpose.

Three kinds of streams:

* **The random network** (and its initial scores) are NumPy's Philox 4x64 raw 64-bit words, a stream
  that NumPy promises never to change, turned into numbers by exact transforms. The same seed gives
  the same bits on every machine, with every thread count and every version.
* **The order of batches** is made of the same words, so it too is the same everywhere.
* **Everything else** (attack starts, augmentation, the switch) takes a :class:`torch.Generator`
  that is seeded from ``(seed, purpose, position)``. Such a stream is only promised to repeat on the
  same device and PyTorch version. Because the position (epoch, step or batch) is part of the key, a
  run is resumed by knowing one integer.

Streams of different purposes are independent: changing the attack's draws never changes the
network.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from numbers import Integral
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from scratchticket.base.errors import InputError
from scratchticket.base.quantile import normal_quantile

Purpose = Literal["split", "batches", "augmentation", "attack", "network", "evaluation", "switch"]
Words = npt.NDArray[np.uint64]
Array = npt.NDArray[Any]

_SCHEME = "scratchticket-v1"
MAX_SEED = 2**63 - 1
_MAGNITUDE = np.array([*range(255, -1, -1), *range(256)], dtype=np.uint8)  # of 9 upper bits


def check_seed(seed: int) -> int:
    """Return ``seed`` as an int if it is one: an integer in [0, 2**63), NumPy's too.

    Raises:
        InputError: Otherwise.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed must be an integer from 0 to {MAX_SEED}, got {seed!r}")
    return int(seed)


def _key(text: str) -> int:
    """Return the first 16 bytes of the SHA-256 of a text as a little-endian integer."""
    return int.from_bytes(sha256(text.encode()).digest()[:16], "little")


def _stream(seed: int, purpose: Purpose, *position: int | str) -> int:
    """Return the key of one purpose's stream at one position of a run."""
    return _key("/".join([_SCHEME, purpose, str(seed), *map(str, position)]))


def weight_words(seed: int, name: str, count: int) -> Words:
    """Return the raw words that define one parameter of the random network.

    Args:
        seed: The network's seed.
        name: The parameter's name in the bare module, without prefixes of any wrapper.
        count: Number of words.

    Returns:
        ``count`` unsigned 64-bit words: Philox 4x64-10, counter from 0, keyed with the first 16
        bytes (little-endian) of ``SHA-256("scratchticket-v1:{seed}:{name}")``.
    """
    return np.random.Philox(key=_key(f"{_SCHEME}:{seed}:{name}")).random_raw(count)


def score_words(seed: int, name: str, count: int) -> Words:
    """Return the raw words behind the initial scores of one parameter; see :func:`weight_words`."""
    return np.random.Philox(key=_key(f"{_SCHEME}/scores:{seed}:{name}")).random_raw(count)


def score_contexts(seed: int, name: str, count: int) -> npt.NDArray[np.uint8]:
    """Return the magnitude of each initial score in 256 equal steps, 0 the smallest.

    It is the upper bits of the same words, without rounding: bits 55 to 62, complemented where bit
    63 (the score's sign) is 0.
    """
    upper = score_words(seed, name, count).astype("<u8", copy=False).view("<u2")[3::4] >> 7
    magnitudes: npt.NDArray[np.uint8] = _MAGNITUDE[upper]
    return magnitudes


def signs(words: Words, count: int) -> npt.NDArray[np.int8]:
    """Turn words into signs: one bit each, lowest bit of the first word first, 1 meaning +.

    Returns:
        ``count`` values of -1 or +1.
    """
    octets = words.astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(octets, count=count, bitorder="little").view(np.int8) * 2 - 1


def uniforms(words: Words) -> npt.NDArray[np.float64]:
    """Turn each word into a float64 in [0, 1): its upper 53 bits divided by 2**53."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normals(words: Words) -> npt.NDArray[np.float64]:
    """Turn each word into a standard normal float64, by the inverse of its distribution function.

    With k the upper 52 bits of the word it is the quantile of (k + 1/2) / 2**52, a probability that
    is exact and never 0 or 1.
    """
    upper = (words >> np.uint64(12)).astype(np.float64)
    return normal_quantile((upper - (2.0**51 - 0.5)) * 2.0**-52)


def generator(
    seed: int, purpose: Purpose, *position: int | str, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a fresh generator for one purpose at one position of a run.

    Args:
        seed: The run's seed.
        purpose: What the numbers are for.
        position: Where in the run: an epoch, a step, a batch, the name of an attack.
        device: Where the numbers are drawn. CPU and CUDA streams differ.
    """
    key = _stream(seed, purpose, *position)
    return torch.Generator(device=device).manual_seed(key % 2**63)


def network_seed(seed: int, step: int, process: int = 0) -> int:
    """Return what PyTorch's global generators are seeded with for one step of a run.

    They are what modules such as dropout draw from, in each process of a run for its own images.
    """
    return _stream(seed, "network", step, *[process] * (process > 0)) % 2**63


def reseed(seed: int, device: torch.device) -> None:
    """Seed PyTorch's global generators as far as a computation on this device draws from them.

    On a processor ``torch.manual_seed`` spends its time on accelerators that are not there.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


@contextmanager
def fixed_globals() -> Iterator[None]:
    """Inside, the global generators of Python, NumPy and PyTorch's processor begin at seed 0.

    Outside nobody notices. It is for code of others, whose draws must be the same every time.
    """
    python, array = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):  # CUDA's generators stay alone
        torch.default_generator.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(array)


def permutation(count: int, seed: int, purpose: Purpose, *position: int | str) -> torch.Tensor:
    """Return a random order of ``range(count)``, int64: the ranks of ``count`` Philox words.

    Being made of the promised raw stream and an exact sort, it is the same everywhere.
    """
    key = _stream(seed, purpose, *position)
    words = np.random.Philox(key=key).random_raw(count)
    return torch.from_numpy(np.argsort(words, kind="stable"))
