"""Data sets whose images stay encoded until they are used."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import accumulate

import numpy as np
import torch

from scratchticket.base.errors import InputError
from scratchticket.base.files import canonical_json
from scratchticket.data.decoding import Picture
from scratchticket.data.imageset import ImageSet
from scratchticket.data.lazy_images import EncodedImages, LazyImageSet
from scratchticket.data.pack import pack_reader
from scratchticket.data.recipe import DataRecipe
from scratchticket.data.source import Integers, Part, Source, end_digest, size_of


def lazy_sets(
    source: Source,
    parts: Sequence[Part],
    labels: Mapping[str, Integers],
    rows: Mapping[str, Integers],
    recipe: DataRecipe,
) -> dict[str, ImageSet]:
    """Return the parts of a split as lazy image sets; only the first image is decoded.

    Args:
        source: The parts of the data set, not decoded.
        parts: The parts of ``source`` that are used. If images cannot be read one by one, all are
            copied to the cache folder first.
        labels: Class numbers of each part.
        rows: Row numbers in the source, by part of the split.
        recipe: How images are prepared.

    Raises:
        InputError: If the images are not encoded, or the first cannot be used.
    """
    files = all(part.at for part in parts)
    identity = source.digest(size_of if files else end_digest)
    readers = [
        part.at or _pack_reader(part, _hash("pack", identity, name))
        for name, part in zip(labels, parts, strict=True)
    ]
    ends = list(accumulate(len(part.labels) for part in parts))

    def place(row: int) -> tuple[int, int]:
        number = bisect_right(ends, row)
        return number, row - (ends[number - 1] if number else 0)

    def at(row: int) -> Picture:
        number, index = place(row)
        return readers[number](index)

    def where(row: int) -> str:
        number, index = place(row)
        return parts[number].where(index)

    encoded = EncodedImages(at, where, recipe, _hash(identity, recipe.size, recipe.colour))
    channels, height, width = encoded.pixels(0).shape
    shape = channels, height, width
    all_labels = torch.from_numpy(np.concatenate(list(labels.values())))
    chosen = {part: torch.from_numpy(numbers) for part, numbers in rows.items()}
    return {part: LazyImageSet(encoded, r, all_labels[r], shape) for part, r in chosen.items()}


def _hash(*parts: str | int | None) -> str:
    return sha256(canonical_json(parts).encode()).hexdigest()


def _pack_reader(part: Part, key: str) -> Callable[[int], bytes]:
    """Copy the images of a part to a pack file; return a function that reads one of them."""

    def contents() -> Iterator[bytes]:
        for index, picture in enumerate(part.pictures()):
            if not isinstance(picture, bytes):
                what = "there is no image" if picture is None else "lazy needs encoded images"
                raise InputError(f"{part.where(index)}: {what}")
            yield picture

    return pack_reader(key, len(part.labels), contents)
