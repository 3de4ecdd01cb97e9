"""A data source: the parts of a data set, with labels read and images not yet decoded."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scratchticket.base.errors import InputError
from scratchticket.base.files import canonical_json
from scratchticket.data.decoding import Picture

Integers = npt.NDArray[np.int64]
FileHash = Callable[[Path], str]
#: Names of each part, as the ``datasets`` library recognises them.
NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
PARTS = tuple(NAMES)
#: Folders that operating systems and file servers create, in lower case.
SYSTEM = frozenset(
    ("__macosx", "@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information")
)
_ABOUT = ("README", "LICENSE")
UNLABELLED = -1
_END = 2**16  # bytes read at the end of a file
DIGITS = 300  # leading digits of a number that count when names are sorted


@dataclass(frozen=True, eq=False)
class Part:
    """Images of one part of a data set, in their stored order.

    Attributes:
        labels: A number or a class name for each image.
        pictures: Function that returns the stored images, in order.
        where: Function from index to the image's name, for messages.
        at: Function from index to image; None if images can only be read in order.
    """

    labels: Integers | Sequence[str]
    pictures: Callable[[], Iterable[Picture]]
    where: Callable[[int], str]
    at: Callable[[int], Picture] | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """A data set with labels read and images not yet decoded.

    Attributes:
        name: Name of the data set in messages.
        parts: ``train`` and, if present, ``validation`` and ``test``.
        classes: Class names; None if the labels are the names.
        digest: Function that returns a hash of all files that contain images; its argument is a
            function that hashes one file.
        notes: Notes for the user.
    """

    name: str
    parts: Mapping[str, Part]
    classes: tuple[str, ...] | None
    digest: Callable[[FileHash], str]
    notes: tuple[str, ...] = ()


def natural(name: str) -> tuple[list[str | int], str]:
    """Return a key that sorts names with numbers by value: ``2`` before ``10``."""
    return [int(s[:DIGITS]) if s.isdecimal() else s for s in re.split(r"(\d+)", name)], name


def part_named(name: str) -> str | None:
    """Return the part with this name; None if it is not the name of a part.

    Example:
        >>> part_named("Train"), part_named("val"), part_named("train_masks")
        ('train', 'validation', None)
    """
    return next((part for part, names in NAMES.items() if name.lower() in names), None)


def part_within(name: str) -> str | None:
    """Return the part that occurs as a word in a name, as in the ``datasets`` library.

    Words are separated by digits, spaces and ``-._``. The result is None unless the words name
    exactly one part.

    Example:
        >>> part_within("seg_train"), part_within("trainer"), part_within("train_val")
        ('train', None, None)
    """
    words = re.split(r"[-._ 0-9]", name)
    found = {part for word in words if (part := part_named(word)) is not None}
    return found.pop() if len(found) == 1 else None


def check_one_each(root: Path, found: Mapping[str, Iterable[str]]) -> None:
    """Raise an error if several files or folders fit one part.

    Args:
        root: Folder of the data.
        found: Names of the files or folders, by part.

    Raises:
        InputError: If several names fit a part.
    """
    for part, names in found.items():
        if len(several := sorted(set(names))) > 1:
            raise InputError(
                f"{root}: the {part} part is ambiguous: {' or '.join(several)}; "
                "keep one, or rename the others"
            )


def is_visible(name: str) -> bool:
    """Return whether a file or folder is neither hidden nor made by the system."""
    return not name.startswith(".") and name.lower() not in SYSTEM


def parquet_files(folder: Path) -> Iterator[Path]:
    """Yield the visible Parquet files of a folder and of its subfolders, two levels deep."""
    for pattern in ("*.parquet", "*/*.parquet", "*/*/*.parquet"):
        for path in sorted(folder.glob(pattern)):
            if all(map(is_visible, path.relative_to(folder).parts)):
                yield path


def unread_note(root: Path, read: Collection[Path], kinds: Collection[str]) -> tuple[str, ...]:
    """Return a note that counts the visible files that are not read; empty if all are.

    README and LICENSE are not counted.

    Args:
        root: The folder.
        read: The files that are read.
        kinds: Suffixes of data files; the note's example has one of them if possible.
    """
    known, others = set(read), []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(filter(is_visible, folders))
        paths = (Path(folder, name) for name in sorted(files) if is_visible(name))
        others += [path for path in paths if path not in known and path.stem not in _ABOUT]
    if not others:
        return ()
    first = min(others, key=lambda path: path.suffix.lower() not in kinds)
    return (f"not read: {len(others)} file{'s' * (len(others) > 1)}, such as {first}",)


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        InputError: If it is not a regular file, since a pipe may never end.
    """
    if not path.is_file() and path.exists():
        raise InputError(f"{path} is not a regular file")
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def size_of(path: Path) -> str:
    """Return a file's size as text, used instead of a hash if there are too many files to read."""
    return str(path.stat().st_size)


def end_digest(path: Path) -> str:
    """Return a hash of a file's size and last 64 KiB, where Parquet keeps its metadata."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END))
        return sha256(f"{size} ".encode() + file.read()).hexdigest()


def files_digest(root: Path, files: Iterable[Path], hashed: FileHash) -> str:
    """Return a hash of the files' paths, relative to ``root``, and of their hashes."""
    listing = [[path.relative_to(root).as_posix(), hashed(path)] for path in files]
    return sha256(canonical_json(listing).encode()).hexdigest()
