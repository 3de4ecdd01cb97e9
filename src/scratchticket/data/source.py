"""What a reader hands on: the parts of a data set with their labels, not yet decoded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest, sha256
from os import SEEK_END
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scratchticket.data.pictures import Picture
from scratchticket.errors import InputError
from scratchticket.files import canonical_json

Integers = npt.NDArray[np.int64]
FileHash = Callable[[Path], str]
PARTS = ("train", "validation", "test")
UNLABELLED = -1
_END = 2**16  # bytes
DIGITS = 300  # of a number inside a name; of longer ones the beginning counts


@dataclass(frozen=True, eq=False)
class Part:
    """Images of one part of a data set, in their stored order.

    Attributes:
        labels: A number or a class name for each image.
        pictures: Returns the images, from the first.
        where: Names an image for an error message, given its index.
        at: Returns an image alone, given its index; none where only all can be read.
    """

    labels: Integers | Sequence[str]
    pictures: Callable[[], Iterable[Picture]]
    where: Callable[[int], str]
    at: Callable[[int], Picture] | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """A data set that was found but not decoded.

    Attributes:
        name: How messages call it.
        parts: ``train`` and, where there are any, ``validation`` and ``test``.
        classes: Class names, if the labels do not tell.
        digest: Returns a hash of everything the pixels are made from, given how a file is hashed.
        notes: What the user should know.
    """

    name: str
    parts: Mapping[str, Part]
    classes: tuple[str, ...] | None
    digest: Callable[[FileHash], str]
    notes: tuple[str, ...] = ()


def natural(name: str) -> tuple[list[str | int], str]:
    """Return a sort key that puts ``2`` before ``10``."""
    return [int(s[:DIGITS]) if s.isdecimal() else s for s in re.split(r"(\d+)", name)], name


def part_named(name: str) -> str | None:
    """Return the part that a file or folder name begins with, if it does.

    Example:
        >>> part_named("train-00000-of-00002"), part_named("val"), part_named("trainer")
        ('train', 'validation', None)
    """
    match = re.match(r"(train|test|valid|val)(?:ing|ation)?(?![^\W_])", name, re.IGNORECASE)
    if match is None:
        return None
    word = match[1].lower()
    return "validation" if word.startswith("val") else word


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        InputError: If it is a pipe, say, which may never end.
    """
    if not path.is_file() and path.exists():
        raise InputError(f"{path} is no regular file")
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def size_of(path: Path) -> str:
    """Return a file's size, in place of a hash where files are too many to be opened."""
    return str(path.stat().st_size)


def end_digest(path: Path) -> str:
    """Return a hash of a file's size and its last 64 KiB, where Parquet files are described."""
    with path.open("rb") as file:
        size = file.seek(0, SEEK_END)
        file.seek(max(0, size - _END))
        return sha256(f"{size} ".encode() + file.read()).hexdigest()


def files_digest(root: Path, files: Iterable[Path], hashed: FileHash) -> str:
    """Return a hash of the names below ``root`` and the hashes of files."""
    listing = [[path.relative_to(root).as_posix(), hashed(path)] for path in files]
    return sha256(canonical_json(listing).encode()).hexdigest()
