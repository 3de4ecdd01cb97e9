"""Decode, split and normalise a data set."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor

from scratchticket.base.errors import InputError
from scratchticket.base.files import canonical_json
from scratchticket.data.cache import Put, Shape, cached
from scratchticket.data.decoding import Pixels, decoded
from scratchticket.data.imageset import Data, ImageSet
from scratchticket.data.known import recognised
from scratchticket.data.labels import number_classes, order_note
from scratchticket.data.lazy_sets import lazy_sets
from scratchticket.data.normalisation import normalisation
from scratchticket.data.recipe import DataRecipe, class_names
from scratchticket.data.source import Integers, Part, Source, content_digest
from scratchticket.data.split import select_classes, split_rows

_DECODER = 2  # version of the decoding; increase it when the same files give other pixels


def assemble(
    source: Source, recipe: DataRecipe, known: str | None = None, *, whole: bool = False
) -> Data:
    """Return a data set, decoded or read from the cache.

    Args:
        source: The parts of the data set, not decoded.
        recipe: How images are prepared and split.
        known: Name of the known data set; None to recognise it if possible.
        whole: Whether to make all images test images.

    Raises:
        InputError: If an image or a label is wrong; the message names its file and row.
    """
    classes, labels = number_classes(source.name, source.parts, source.classes, whole=whole)
    rows, notes = split_rows(labels, recipe, whole=whole)
    if source.classes is None:
        notes += order_note(source.parts, classes, recipe)
    order = np.concatenate(list(rows.values()))
    parts = [source.parts[part] for part in labels]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the image library warns of unused metadata
        if recipe.lazy:
            sets = lazy_sets(source, parts, labels, rows, recipe)
        else:
            images, problem = _decoded(source, parts, order, recipe)
            notes += (problem,) if problem else ()
            sets = split_images(images, labels, rows)
        notes = (*source.notes, *notes)
        return make_data(source.name, classes, sets, recipe=recipe, known=known, notes=notes)


def _decoded(
    source: Source, parts: Sequence[Part], order: Integers, recipe: DataRecipe
) -> tuple[Tensor, str | None]:
    """Return the decoded images in ``order``, and a note if they could not be cached."""

    def shape() -> Shape:
        channels, height, width = next(stream(parts, recipe)).shape
        return len(order), channels, height, width

    def fill(put: Put) -> None:
        places = {int(row): place for place, row in enumerate(order)}
        for row, pixels in enumerate(stream(parts, recipe)):
            if row in places:
                put(places[row], pixels)

    return cached(_key(source, recipe, order), shape, fill)


def stream(parts: Iterable[Part], recipe: DataRecipe) -> Iterator[Pixels]:
    """Yield the decoded images of the parts; all must have the shape of the first image.

    Raises:
        InputError: If an image cannot be used; the message names it.
    """
    shape = None
    for part in parts:
        for index, picture in enumerate(part.pictures()):
            try:
                pixels = decoded(picture, recipe, shape)
            except InputError as error:
                raise InputError(f"{part.where(index)}: {error}") from None
            shape = pixels.shape
            yield pixels


def split_images(
    images: Tensor, labels: Mapping[str, Integers], rows: Mapping[str, Integers]
) -> dict[str, ImageSet]:
    """Return the image sets of the training, validation and test part, as views of ``images``.

    Args:
        images: uint8, ``(n, channel, height, width)``, in the order of the row numbers in ``rows``.
        labels: Class numbers of all rows, by part of the source.
        rows: Row numbers in the source, by part of the split.
    """
    all_labels = torch.from_numpy(np.concatenate(list(labels.values())))
    pieces = torch.split(images, [len(chosen) for chosen in rows.values()])
    return {
        part: ImageSet(piece, all_labels[torch.from_numpy(rows[part])])
        for part, piece in zip(rows, pieces, strict=True)
    }


def make_data(
    name: str,
    classes: tuple[str, ...],
    sets: Mapping[str, ImageSet],
    *,
    recipe: DataRecipe,
    known: str | None = None,
    notes: tuple[str, ...] = (),
) -> Data:
    """Return the data set, with its classes selected and its normalisation chosen.

    If there is no training or validation part, the test images take its place.
    """
    first = sets.get("train", sets["test"])
    if known is None and (known := recognised(classes, first)) is not None:
        notes += (f"recognised as {known} by its classes and its mean pixel",)
    if recipe.classes is not None:
        classes, sets = select_classes(sets, classes, class_names(recipe.classes))
    test = sets["test"]
    train = sets.get("train", test)
    if missing := len(classes) - len(np.unique(test.labels)):
        notes += (f"{missing} of the {len(classes)} classes have no test image",)
    chosen = normalisation(recipe.normalisation, known, train)
    return Data(
        name=name,
        classes=classes,
        train=train,
        validation=sets.get("validation", test),
        test=test,
        mean=chosen.mean,
        std=chosen.std,
        notes=notes,
        recipe=replace(recipe, name=name),
    )


def _key(source: Source, recipe: DataRecipe, order: Integers) -> str:
    """Return a hash of everything that determines the cached pixels and their order."""
    parts = {
        "decoder": _DECODER,
        "source": source.digest(content_digest),
        "size": recipe.size,
        "colour": recipe.colour,
        "order": sha256(order.astype("<i8").tobytes()).hexdigest(),
    }
    return sha256(canonical_json(parts).encode()).hexdigest()
