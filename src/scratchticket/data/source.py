"""What a reader of data returns: the parts with their labels, images not yet decoded."""

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
#: Names of each part: those that the ``datasets`` library knows.
NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
PARTS = tuple(NAMES)
#: Folders of operating systems and file servers, in lower case.
SYSTEM = frozenset(
    ("__macosx", "@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information")
)
_ABOUT = ("README", "LICENSE")
UNLABELLED = -1
_END = 2**16  # bytes
DIGITS = 300  # of a number inside a name that sort by value


@dataclass(frozen=True, eq=False)
class Part:
    """Images of one part of a data set, in their stored order.

    Attributes:
        labels: A number or a class name for each image.
        pictures: Iterates over the stored images, from the first.
        where: Names the image of an index for an error message.
        at: Returns the image of an index; None if images can only be read in turn.
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
        parts: ``train`` and, where there are any, ``validation`` and ``test``.
        classes: Class names, unless the labels imply them.
        digest: Returns a hash of all files that decide the pixels, given the hash of a file.
        notes: What the user should know about the reading.
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
    """Return the part that a file or folder is named after; none if there is none.

    Example:
        >>> part_named("Train"), part_named("val"), part_named("train_masks")
        ('train', 'validation', None)
    """
    return next((part for part, names in NAMES.items() if name.lower() in names), None)


def part_within(name: str) -> str | None:
    """Return the part named by a word of a name, as the ``datasets`` library finds it.

    Words are separated by digits, spaces and ``-._``. If they name two parts, none is returned.

    Example:
        >>> part_within("seg_train"), part_within("trainer"), part_within("train_val")
        ('train', None, None)
    """
    words = re.split(r"[-._ 0-9]", name)
    found = {part for word in words if (part := part_named(word)) is not None}
    return found.pop() if len(found) == 1 else None


def check_one_each(root: Path, found: Mapping[str, Iterable[str]]) -> None:
    """Raise an error if two names fit one part.

    Args:
        root: Folder of the data.
        found: All names that fit each part.

    Raises:
        InputError: If several names fit a part.
    """
    for part, names in found.items():
        if len(several := sorted(set(names))) > 1:
            raise InputError(
                f"{root}: the {part} part may be {' or '.join(several)}; "
                "leave one there, or give it a name that is no part's"
            )


def is_visible(name: str) -> bool:
    """Whether a file or folder is the user's: neither hidden nor made by the system."""
    return not name.startswith(".") and name.lower() not in SYSTEM


def parquet_files(folder: Path) -> Iterator[Path]:
    """Yield the visible Parquet files of a folder and of its subfolders, two levels deep."""
    for pattern in ("*.parquet", "*/*.parquet", "*/*/*.parquet"):
        for path in sorted(folder.glob(pattern)):
            if all(map(is_visible, path.relative_to(folder).parts)):
                yield path


def unread_note(root: Path, read: Collection[Path], kinds: Collection[str]) -> tuple[str, ...]:
    """Return a note that counts the visible files of a folder that are not read; none if all are.

    README and LICENSE are not counted.

    Args:
        root: The folder.
        read: The files that are read.
        kinds: Suffixes of data files; the note names one of these if it can.
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
        InputError: If it is no regular file: a pipe may never end.
    """
    if not path.is_file() and path.exists():
        raise InputError(f"{path} is no regular file")
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def size_of(path: Path) -> str:
    """Return a file's size, which stands in for a hash where there are too many files to open."""
    return str(path.stat().st_size)


def end_digest(path: Path) -> str:
    """Return a hash of a file's size and last 64 KiB, where Parquet keeps its metadata."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END))
        return sha256(f"{size} ".encode() + file.read()).hexdigest()


def files_digest(root: Path, files: Iterable[Path], hashed: FileHash) -> str:
    """Return a hash of the files' hashes and their names relative to ``root``."""
    listing = [[path.relative_to(root).as_posix(), hashed(path)] for path in files]
    return sha256(canonical_json(listing).encode()).hexdigest()
