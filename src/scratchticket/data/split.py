"""Split a data set into training, validation and test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import torch

from scratchticket.base.errors import InputError, unknown
from scratchticket.base.rng import permutation
from scratchticket.data.imageset import ImageSet
from scratchticket.data.recipe import DataRecipe
from scratchticket.data.source import PARTS, Integers

TEST_SHARE = Fraction(1, 5)
NO_TEST_PART = "no test part: 20 % of each class was held out for testing"


def stratified_split(
    labels: Integers, share: Fraction, seed: int, part: str
) -> tuple[Integers, Integers]:
    """Split images in two, with equal class proportions.

    The number of images held out is ``share`` of all, rounded. The largest-remainder method
    divides it among the classes: each class gives up its share rounded down, and the classes with
    the largest remainders give up one more (ties: the lowest class). Every class keeps at least
    one image.

    Args:
        labels: Class numbers, ``(n,)``.
        share: Fraction held out, in (0, 1).
        seed: Seed of the split.
        part: Name of the part held out; different parts are drawn independently.

    Returns:
        The indices of the images kept and held out, both ascending.

    Raises:
        InputError: If there are too few images to hold one out.
    """
    counts = np.bincount(labels)
    taken = _largest_remainders([int(count) for count in counts], share)
    if not sum(taken):
        raise InputError(
            f"{len(labels)} images in {len(counts)} classes are too few to hold out {share} of "
            f"them for {part}"
        )
    order = permutation(len(labels), seed, "split", part).numpy()
    by_class = order[np.argsort(labels[order], kind="stable")]
    ends = np.cumsum(counts)
    out = np.zeros(len(labels), dtype=bool)
    for count, end, number in zip(counts, ends, taken, strict=True):
        out[by_class[end - count : end - count + number]] = True
    return np.flatnonzero(~out), np.flatnonzero(out)


def _largest_remainders(counts: list[int], share: Fraction) -> list[int]:
    """Return how many images of each class are held out."""
    quotas = [share * count for count in counts]
    taken = [int(quota) for quota in quotas]
    total = int(share * sum(counts) + Fraction(1, 2))
    able = [c for c, count in enumerate(counts) if taken[c] < quotas[c] and taken[c] < count - 1]
    able.sort(key=lambda c: taken[c] - quotas[c])
    for c in able[: total - sum(taken)]:
        taken[c] += 1
    return taken


def split_rows(
    labels: Mapping[str, Integers], recipe: DataRecipe, *, whole: bool = False
) -> tuple[dict[str, Integers], tuple[str, ...]]:
    """Return the rows of the training, validation and test parts.

    Args:
        labels: Class numbers of the given parts, in the order of ``PARTS``.
        recipe: Its ``validation``, ``train_images`` and ``seed`` determine the split.
        whole: Whether all images are test images.

    Returns:
        The row numbers of each part of the split, where rows are numbered through all given parts
        in their order; and notes on the parts that were missing.
    """
    everything = np.concatenate(list(labels.values()))
    if whole:
        return {"test": np.arange(len(everything))}, ()
    ends = np.cumsum([len(part) for part in labels.values()])
    rows = dict(zip(labels, np.split(np.arange(len(everything)), ends[:-1]), strict=True))
    notes = []
    if "test" not in rows and "validation" in rows:
        rows["test"] = rows.pop("validation")
        notes.append("no labelled test part: the validation part is used for testing")

    def hold_out(part: str, share: Fraction) -> None:
        train = rows["train"]
        kept, out = stratified_split(everything[train], share, recipe.seed, part)
        rows["train"], rows[part] = train[kept], train[out]

    if "test" not in rows:
        hold_out("test", TEST_SHARE)
        notes.append(NO_TEST_PART)
    if "validation" not in rows and recipe.exact_validation:
        hold_out("validation", recipe.exact_validation)
    if recipe.train_images is not None:
        train = rows["train"]
        if recipe.train_images > len(train):
            raise InputError(
                f"train_images is {recipe.train_images}, but there are only {len(train)} training "
                "images"
            )
        if recipe.train_images < len(train):
            share = Fraction(recipe.train_images, len(train))
            rows["train"] = train[
                stratified_split(everything[train], share, recipe.seed, "training")[1]
            ]
    if "validation" not in rows:
        notes.append("no validation part: the epoch is chosen on the test images")
    return {part: rows[part] for part in PARTS if part in rows}, tuple(notes)


def select_classes(
    sets: Mapping[str, ImageSet], classes: Sequence[str], wanted: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, ImageSet]]:
    """Return the images of the wanted classes, numbered in the order of ``wanted``.

    Raises:
        InputError: If a class is unknown or named twice, or there is only one.
    """
    names = tuple(wanted)
    for name in names:
        if name not in classes:
            raise unknown("class", name, classes)
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(f"data.classes: needs two or more different classes, got {wanted}")
    numbers = torch.full((len(classes),), -1)
    numbers[[list(classes).index(name) for name in names]] = torch.arange(len(names))
    chosen: dict[str, ImageSet] = {}
    for part, images in sets.items():
        labels = numbers[images.labels]
        chosen[part] = images[labels >= 0].labelled(labels[labels >= 0])
    return names, chosen
