"""Data sets in ``.npz`` files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np

from scratchticket.base.errors import InputError
from scratchticket.base.files import check_archive
from scratchticket.base.rng import Array
from scratchticket.data.source import NAMES, Integers, Part, Source, files_digest

_EXPECTED = (
    "expected train_images and train_labels, and optionally test_images, test_labels, "
    "val_images, val_labels and classes; or images and labels"
)


def npz_source(path: Path) -> Source:
    """Find the parts of an ``.npz`` file and read their labels.

    Labels are integers or class names. Arrays of Python objects are never read.

    Raises:
        InputError: If arrays are missing or of the wrong kind, or the file is damaged.
    """
    if not is_zipfile(path):
        raise InputError(f"{path}: not an .npz file, or a truncated one")
    names = set(_read(path, attrgetter("files")))
    prefixes = {part: prefix for part in NAMES if (prefix := _prefix(path, names, part))}
    if "train" not in prefixes and ("images" in names or not prefixes):
        prefixes["train"] = ""
    needed = {f"{prefix}{kind}" for prefix in prefixes.values() for kind in ("images", "labels")}
    if not needed <= names:
        raise InputError(
            f"{path}: holds the arrays {', '.join(sorted(names))}, "
            f"but not {', '.join(sorted(needed - names))}; {_EXPECTED}"
        )
    parts = {part: _part(path, prefix) for part, prefix in prefixes.items()}
    classes = _classes(path) if "classes" in names else None
    extra = ", ".join(sorted(names - needed - {"classes"}))
    notes = (f"arrays not used: {extra}",) if extra else ()
    return Source(str(path), parts, classes, partial(files_digest, path.parent, [path]), notes)


def _prefix(path: Path, names: set[str], part: str) -> str | None:
    """Return the prefix of a part's array names; None if the file has no images of that part."""
    found = [f"{name}_" for name in NAMES[part] if f"{name}_images" in names]
    if len(found) > 1:
        arrays = " and ".join(f"{p}images" for p in found)
        raise InputError(f"{path}: {arrays} are the same part; keep one")
    return found[0] if found else None


def _part(path: Path, prefix: str) -> Part:
    """Read the labels of one part; the images are read later."""
    images, labels = f"{prefix}images", _labels(path, f"{prefix}labels")

    def pictures() -> Iterator[Array]:
        array: Array = _read(path, itemgetter(images))
        if array.shape[:1] != (len(labels),):
            raise InputError(
                f"{path}: there are {len(labels)} labels, but {images} is of shape {array.shape}"
            )
        yield from array

    return Part(labels, pictures, lambda index: f"{path}: {images}, row {index} (counted from 0)")


def _labels(path: Path, name: str) -> Integers | list[str]:
    """Return labels as numbers or names, from a vector or, as in MedMNIST, a column."""
    labels: Array = _read(path, itemgetter(name))
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1 or labels.size == 0 or labels.dtype.kind not in "iuU":
        raise InputError(
            f"{path}: {name} must be a vector of integers or of text, "
            f"got {labels.dtype} of shape {labels.shape}"
        )
    return list(labels.tolist()) if labels.dtype.kind == "U" else labels.astype(np.int64)


def _classes(path: Path) -> tuple[str, ...]:
    names: Array = _read(path, itemgetter("classes"))
    if names.ndim != 1 or names.dtype.kind != "U":
        raise InputError(f"{path}: classes must be a vector of text, got {names.dtype}")
    return tuple(names.tolist())


def _read(path: Path, get: Callable[[Any], Any]) -> Any:
    """Return what ``get`` reads from the opened file."""
    try:
        with path.open("rb") as raw:
            check_archive(raw, path.stat().st_size)
            with np.load(raw, allow_pickle=False) as file:
                return get(file)
    except Exception as error:  # a damaged file may raise anything
        raise InputError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None
