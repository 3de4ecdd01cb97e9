"""What a reader hands on: the parts of a data set with their labels, not yet decoded."""

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
from scratchticket.data.pictures import Picture

Integers = npt.NDArray[np.int64]
FileHash = Callable[[Path], str]
#: Of each part its names, those that the ``datasets`` library knows.
NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
PARTS = tuple(NAMES)
#: Folders that systems make for themselves, in small letters; hidden ones begin with a dot.
SYSTEM = frozenset(
    ("__macosx", "@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information")
)
_ABOUT = ("README", "LICENSE")
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


def part_called(name: str) -> str | None:
    """Return the part that a file or folder is called, if it is called like one.

    Example:
        >>> part_called("Train"), part_called("val"), part_called("train_masks")
        ('train', 'validation', None)
    """
    return next((part for part, names in NAMES.items() if name.lower() in names), None)


def part_within(name: str) -> str | None:
    """Return the part whose name stands within a name, as the ``datasets`` library looks for it.

    It stands between the ends of the name, digits and any of ``-._`` and space. Where names of two
    parts do, it is neither.

    Example:
        >>> part_within("seg_train"), part_within("trainer"), part_within("train_val")
        ('train', None, None)
    """
    words = re.split(r"[-._ 0-9]", name)
    found = {part for word in words if (part := part_called(word)) is not None}
    return found.pop() if len(found) == 1 else None


def one_each(root: Path, found: Mapping[str, Iterable[str]]) -> None:
    """Refuse a part that two names may stand for.

    Args:
        root: Where they lie.
        found: Of each part all names.

    Raises:
        InputError: If a part has several.
    """
    for part, names in found.items():
        if len(several := sorted(set(names))) > 1:
            raise InputError(
                f"{root}: the {part} part may be {' or '.join(several)}; "
                "leave one there, or give it a name that is no part's"
            )


def is_visible(name: str) -> bool:
    """Whether a file or folder is the user's: neither hidden nor made by a system for itself."""
    return not name.startswith(".") and name.lower() not in SYSTEM


def parquet_files(folder: Path) -> Iterator[Path]:
    """Return the visible Parquet files of a folder, and of folders in it, two deep."""
    for pattern in ("*.parquet", "*/*.parquet", "*/*/*.parquet"):
        for path in sorted(folder.glob(pattern)):
            if all(map(is_visible, path.relative_to(folder).parts)):
                yield path


def unread(root: Path, read: Collection[Path], kinds: Collection[str]) -> tuple[str, ...]:
    """Return a note that counts the visible files in a folder that are not read, if there are any.

    README and LICENSE are not counted.

    Args:
        root: The folder.
        read: The files that are.
        kinds: Endings of files that might have been; the note names one of these if it can.
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
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END))
        return sha256(f"{size} ".encode() + file.read()).hexdigest()


def files_digest(root: Path, files: Iterable[Path], hashed: FileHash) -> str:
    """Return a hash of the names below ``root`` and the hashes of files."""
    listing = [[path.relative_to(root).as_posix(), hashed(path)] for path in files]
    return sha256(canonical_json(listing).encode()).hexdigest()
