"""A cache of decoded pixels on disk, so that a data set is decoded only once."""

from __future__ import annotations

import os
from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from scratchticket.base.errors import InputError
from scratchticket.data.decoding import Pixels
from scratchticket.data.source import content_digest

Shape = tuple[int, int, int, int]
Put = Callable[[int, Pixels], None]


def folder() -> Path:
    """Return the folder of the cache: ``$SCRATCHTICKET_CACHE``, or one in the user's cache.

    Its content can be deleted at any time.

    Raises:
        InputError: If the path starts from the home folder and the user has none.
    """
    try:
        if own := os.environ.get("SCRATCHTICKET_CACHE"):
            return Path(own).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "scratchticket").expanduser()
    except RuntimeError:
        raise InputError("no home folder to cache images in; set SCRATCHTICKET_CACHE") from None


def cached(
    key: str, shape: Callable[[], Shape], fill: Callable[[Put], None]
) -> tuple[Tensor, str | None]:
    """Return pixels from the cache; if they are not in it, decode and store them.

    Args:
        key: Hash of everything the pixels depend on.
        shape: Function that returns the shape of the pixels, ``(n, channel, height, width)``. Like
            ``fill``, it is called only if the pixels are not in the cache.
        fill: Function that decodes the images and passes the index and pixels of each to its
            argument.

    Returns:
        uint8 pixels, memory-mapped: pages are read when they are used, and writing to the tensor
        does not change the file. And a note if the cache folder cannot be used; the pixels are then
        in memory.
    """
    try:
        home = folder()
    except InputError as error:
        return _in_memory(shape(), fill), f"decoded into memory: {error}"
    if (stored := _load(home, key)) is not None:
        return stored, None
    size = shape()
    try:
        return _store(home, key, size, fill), None
    except OSError as error:
        why = f"the cache folder {home} cannot be used ({error.strerror})"
        return _in_memory(size, fill), f"{why}: decoded into memory"


def _in_memory(shape: Shape, fill: Callable[[Put], None]) -> Tensor:
    """Decode the pixels into memory."""
    pixels = np.empty(shape, dtype=np.uint8)
    fill(pixels.__setitem__)
    return torch.from_numpy(pixels)


def _load(home: Path, key: str) -> Tensor | None:
    """Return the cached pixels, None if there are none; remove damaged files."""
    for path in home.glob(f"{key}.*.npy"):
        try:
            if path.name == f"{key}.{_checksum(path)}.npy":
                return _map(path)
            path.unlink()
        except OSError:
            continue
    return None


def _store(home: Path, key: str, shape: Shape, fill: Callable[[Put], None]) -> Tensor:
    """Write the pixels to a file named by their checksum, atomically; return them."""
    home.mkdir(parents=True, exist_ok=True)
    temporary = home / f".{key}.{os.getpid()}.tmp"
    step = prod(shape[1:])
    try:
        with temporary.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            start = file.tell()

            def put(index: int, pixels: Pixels) -> None:
                file.seek(start + index * step)
                file.write(pixels.tobytes())

            fill(put)
            file.flush()
            os.fsync(file.fileno())
        path = home / f"{key}.{_checksum(temporary)}.npy"
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return _map(path)


def _map(path: Path) -> Tensor:
    """Return the memory-mapped pixels of a file, copied on write."""
    return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))


def _checksum(path: Path) -> str:
    """Return the checksum of a file, which is part of its name."""
    return content_digest(path)[:16]
