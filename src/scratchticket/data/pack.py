"""Pack files: many encoded images in one file, each of which can be read alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from weakref import finalize

import numpy as np

from scratchticket.base.errors import InputError
from scratchticket.data.cache import folder
from scratchticket.data.source import Integers

_NUMBER = np.dtype("<i8")


def pack_reader(
    key: str, count: int, contents: Callable[[], Iterable[bytes]]
) -> Callable[[int], bytes]:
    """Return a function that reads one of many encoded images by its index.

    On first use the images are copied in order to a file in the cache folder: their bytes, then the
    end offset of each.

    Args:
        key: Hash that identifies the images.
        count: Number of images.
        contents: Function that returns the images.

    Raises:
        InputError: If the cache folder cannot be used.
    """
    path = folder() / f"{key}.pack"
    try:
        if (ends := _ends(path, count)) is None:
            ends = _write(path, contents())
        file = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise InputError(
            f"the cache folder {path.parent} cannot be used ({error.strerror}): lazy data in "
            "tables is copied there; set SCRATCHTICKET_CACHE to a folder with room for it"
        ) from None

    def read(index: int) -> bytes:
        start = int(ends[index - 1]) if index else 0
        return os.pread(file, int(ends[index]) - start, start)

    finalize(read, os.close, file)
    return read


def _ends(path: Path, count: int) -> Integers | None:
    """Return the end offset of each image in a file; None if it is missing or truncated."""
    if not path.exists():
        return None
    size = path.stat().st_size - count * _NUMBER.itemsize
    if size < 0:
        return None
    ends = np.fromfile(path, _NUMBER, offset=size)
    whole = ends[-1] == size and ends[0] >= 0 and bool((np.diff(ends) >= 0).all())
    return ends if whole else None


def _write(path: Path, contents: Iterable[bytes]) -> Integers:
    """Write images to a temporary file, rename it, and return the end offsets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp")
    lengths = []
    try:
        with temporary.open("wb") as file:
            for content in contents:
                lengths.append(file.write(content))
            ends = np.cumsum(lengths, dtype=_NUMBER)
            ends.tofile(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return ends
