"""Random numbers: every stream follows from one integer seed and a purpose.

There are three kinds of streams:

* **The random network** and its initial scores come from the raw 64-bit words of NumPy's Philox
  4x64, a stream that NumPy promises never to change, by exact transforms. The same seed gives the
  same bits on every machine, with any number of threads and any version.
* **The order of batches** comes from the same kind of words, and is the same everywhere too.
* **Everything else** (attack starts, augmentation, the switch) comes from a
  :class:`torch.Generator` seeded with ``(seed, purpose, position)``. Such a stream is only
  reproducible on the same device and PyTorch version. Because the position (epoch, step or batch)
  is part of the key, a run can be resumed at any step.

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
_MAGNITUDE = np.array(
    [*range(255, -1, -1), *range(256)], dtype=np.uint8
)  # by the upper 9 bits of a word


def check_seed(seed: int) -> int:
    """Return a seed as an int, after checking that it is an integer in [0, 2**63).

    Raises:
        InputError: If it is not; NumPy integers are accepted.
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
        name: The parameter's name in the bare module, without prefixes of wrappers.
        count: Number of words.

    Returns:
        ``count`` unsigned 64-bit words: Philox 4x64-10, counter from 0, keyed with the first 16
        bytes (little-endian) of ``SHA-256("scratchticket-v1:{seed}:{name}")``.
    """
    return np.random.Philox(key=_key(f"{_SCHEME}:{seed}:{name}")).random_raw(count)


def score_words(seed: int, name: str, count: int) -> Words:
    """Return the raw words that define a parameter's initial scores; see :func:`weight_words`."""
    return np.random.Philox(key=_key(f"{_SCHEME}/scores:{seed}:{name}")).random_raw(count)


def score_contexts(seed: int, name: str, count: int) -> npt.NDArray[np.uint8]:
    """Return the magnitude of each initial score, quantised to 256 equal steps from 0.

    It is made of bits 55 to 62 of the score's word, complemented where bit 63, the sign, is 0.
    """
    upper = score_words(seed, name, count).astype("<u8", copy=False).view("<u2")[3::4] >> 7
    magnitudes: npt.NDArray[np.uint8] = _MAGNITUDE[upper]
    return magnitudes


def signs(words: Words, count: int) -> npt.NDArray[np.int8]:
    """Return signs made of the bits of words, from the lowest bit of the first; 1 means +.

    Returns:
        ``count`` values of -1 or +1.
    """
    octets = words.astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(octets, count=count, bitorder="little").view(np.int8) * 2 - 1


def uniforms(words: Words) -> npt.NDArray[np.float64]:
    """Return a float64 in [0, 1) for each word: its upper 53 bits divided by 2**53."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normals(words: Words) -> npt.NDArray[np.float64]:
    """Return a standard normal float64 for each word, by the inverse distribution function.

    It is the quantile of (k + 1/2) / 2**52, where k is the upper 52 bits of the word. This
    probability is exact in float64, and never 0 or 1.
    """
    upper = (words >> np.uint64(12)).astype(np.float64)
    return normal_quantile((upper - (2.0**51 - 0.5)) * 2.0**-52)


def generator(
    seed: int, purpose: Purpose, *position: int | str, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a fresh generator for one purpose at one position of a run.

    Args:
        seed: The run's seed.
        purpose: What the numbers are used for.
        position: Position in the run: an epoch, a step, a batch, the name of an attack.
        device: Device of the generator; CPU and CUDA streams differ.
    """
    key = _stream(seed, purpose, *position)
    return torch.Generator(device=device).manual_seed(key % 2**63)


def network_seed(seed: int, step: int, process: int = 0) -> int:
    """Return the seed of PyTorch's global generators for a step of a run.

    Modules such as dropout draw from them. Each process of a run has its own seed.
    """
    return _stream(seed, "network", step, *[process] * (process > 0)) % 2**63


def reseed(seed: int, device: torch.device) -> None:
    """Seed the global PyTorch generators that computations on a device draw from.

    For the CPU this is much faster than ``torch.manual_seed``, which also seeds accelerators.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


@contextmanager
def fixed_globals() -> Iterator[None]:
    """Seed the global CPU generators of Python, NumPy and PyTorch with 0 inside the context.

    Their states are restored on exit. This makes the draws of user code reproducible.
    """
    python, array = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):  # CUDA generators are not touched
        torch.default_generator.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(array)


def permutation(count: int, seed: int, purpose: Purpose, *position: int | str) -> torch.Tensor:
    """Return a random order of ``range(count)``, int64: the order that sorts Philox words.

    It is the same everywhere, since the raw stream never changes and the sort is exact.
    """
    key = _stream(seed, purpose, *position)
    words = np.random.Philox(key=key).random_raw(count)
    return torch.from_numpy(np.argsort(words, kind="stable"))
