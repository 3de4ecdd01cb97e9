"""Data sets from any Python sequence of (image, label) pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import index as integer
from typing import Any, Protocol

import numpy as np
import torch

from scratchticket.base.errors import InputError
from scratchticket.data.assemble import make_data, split_images, stream
from scratchticket.data.decoding import Picture, Pixels
from scratchticket.data.imageset import Data
from scratchticket.data.labels import number_classes, order_note
from scratchticket.data.recipe import DataRecipe
from scratchticket.data.source import PARTS, Integers, Part
from scratchticket.data.split import split_rows

_LIMIT = 2**62


class Pairs(Protocol):
    """Anything with a length and numbered items: a list, a torch ``Dataset``."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def gather(
    train: Pairs,
    test: Pairs | None = None,
    *,
    validation: Pairs | None = None,
    name: str = "data",
    classes: Sequence[str] | None = None,
    recipe: DataRecipe = DataRecipe(),
    whole: bool = False,
) -> Data:
    """Make a data set from sequences of (image, label) pairs.

    An image is a PIL image; an array or tensor, uint8 (or float, if it is uint8 / 255) with
    channels first, last or absent; or the path (a ``Path`` or text) or the bytes of an encoded
    image. A label is a number from 0 or a class name. Each item is read once, in order.

    Args:
        train: Training images.
        test: Test images; if not given, 20 % of the training images of each class.
        validation: Validation images; if not given, the recipe's fraction of the rest.
        name: Name of the data set.
        classes: Class names, in the order of their numbers.
        recipe: How images are prepared and split; its ``name`` and ``label_column`` are ignored.
        whole: See :func:`load_data`.

    Raises:
        InputError: If an item cannot be used; the message names it.

    Example:
        >>> images = [(np.full((8, 8), 20 * i, dtype=np.uint8), i % 2) for i in range(12)]
        >>> data = gather(images, classes=["even", "odd"], recipe=DataRecipe(validation="1/4"))
        >>> len(data.train), len(data.validation), len(data.test), data.shape
        (7, 3, 2, (1, 8, 8))
    """
    if recipe.lazy:
        raise InputError(f"{name} cannot be lazy; only image folders and Parquet files can")
    given = {"train": train, "validation": validation, "test": test}
    labels: dict[str, list[Any]] = {}
    parts = {}
    for part in PARTS:
        if (pairs := given[part]) is not None:
            labels[part] = []
            parts[part] = _part(f"{name}: {part}", pairs, labels[part])
    total = sum(len(pairs) for pairs in given.values() if pairs is not None)
    pixels = _stacked(stream(parts.values(), recipe), total)
    labelled = {
        key: replace(part, labels=_labels(name, labels[key])) for key, part in parts.items()
    }
    names, numbers = number_classes(name, labelled, classes)
    rows, notes = split_rows(numbers, recipe, whole=whole)
    if classes is None:
        notes += order_note(labelled, names, recipe)
    order = np.concatenate(list(rows.values()))
    if recipe.train_images is None or whole:
        pixels = pixels[: len(order)]  # an unlabelled test part is dropped; it comes last
        reorder(pixels, order)
    else:
        pixels = pixels[order]
    sets = split_images(torch.from_numpy(pixels), numbers, rows)
    return make_data(name, names, sets, recipe=recipe, notes=notes)


def reorder(array: Pixels, order: Integers) -> None:
    """Do ``array[:] = array[order]`` in place, by following the permutation's cycles."""
    done = np.zeros(len(order), dtype=bool)
    for start in range(len(order)):
        if done[start]:
            continue
        first, here = array[start].copy(), start
        while (source := order[here]) != start:
            array[here] = array[source]
            done[here] = True
            here = source
        array[here] = first
        done[here] = True


def _part(name: str, pairs: Pairs, labels: list[Any]) -> Part:
    """Return a part whose images come from a sequence; iterating them fills ``labels``."""
    if not hasattr(pairs, "__len__") or not hasattr(pairs, "__getitem__") or len(pairs) == 0:
        raise InputError(f"{name} must be a sequence of one or more (image, label) pairs")

    def where(index: int) -> str:
        return f"{name}, item {index} (counted from 0)"

    def pictures() -> Iterator[Picture]:
        for index in range(len(pairs)):
            item = pairs[index]
            if not isinstance(item, (tuple, list)) or len(item) != 2:
                raise InputError(
                    f"{where(index)}: expected a pair (image, label), got {type(item).__name__}"
                )
            labels.append(_label(item[1], where(index)))
            yield item[0]

    return Part([], pictures, where)


def _label(label: Any, where: str) -> int | str:
    """Return a label as a number or a name."""
    if isinstance(label, str):
        return label
    try:
        number = integer(label)
    except TypeError:
        number = _LIMIT
    if abs(number) >= _LIMIT:
        raise InputError(f"{where}: the label must be a whole number or a name, got {label!r}")
    return number


def _labels(name: str, labels: list[Any]) -> Integers | list[str]:
    """Return labels that are all numbers or all names, as an array or a list."""
    kinds = {isinstance(label, str) for label in labels}
    if len(kinds) > 1:
        raise InputError(f"{name}: some labels are numbers and some are names")
    return labels if kinds == {True} else np.array(labels, dtype=np.int64)


def _stacked(images: Iterator[Pixels], count: int) -> Pixels:
    """Return ``count`` images as one array, ``(n, channel, height, width)``."""
    first = next(images)
    pixels = np.empty((count, *first.shape), dtype=np.uint8)
    pixels[0] = first
    for index, image in enumerate(images, start=1):
        pixels[index] = image
    return pixels
