"""Check stored labels and turn them into class numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scratchticket.base.errors import InputError
from scratchticket.base.files import check_text
from scratchticket.data.recipe import DataRecipe
from scratchticket.data.source import PARTS, UNLABELLED, Integers, Part, natural


def number_classes(
    name: str,
    parts: Mapping[str, Part],
    classes: Sequence[str] | None,
    *,
    whole: bool = False,
) -> tuple[tuple[str, ...], dict[str, Integers]]:
    """Return the class names and numeric labels of a data set.

    Args:
        name: Name of the data set, for messages.
        parts: Parts of the data set. Those without labels (all -1, as ImageNet's test part) are
            dropped.
        classes: Class names in the order of their numbers. If not given, the labels of the training
            part: names sorted with numbers by value, or the numbers.
        whole: Whether the images are for evaluation only; the first part then replaces the training
            part.

    Returns:
        The class names, and the label of each image of each part, in the order of ``PARTS``.

    Raises:
        InputError: If a label is out of range, a class has no training image, or there is only one
            class.
    """
    labelled = {
        part: parts[part] for part in PARTS if part in parts and not _unlabelled(parts[part])
    }
    if not labelled or not (whole or "train" in labelled):
        raise InputError(f"{name}: there is no labelled {'' if whole else 'training '}part")
    first = next(iter(labelled))  # the training part, if there is one
    names = tuple(classes) if classes is not None else _classes_of(name, labelled[first])
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(f"{name}: needs two or more different classes, got {', '.join(names)}")
    for label in names:
        check_text(label, f"{name}: class")
    labels = {part: _numbers(images, names) for part, images in labelled.items()}
    counts = np.bincount(labels[first], minlength=len(names))
    if not whole and not counts.all():
        empty = int(np.argmin(counts))
        raise InputError(f"{name}: class {empty} ({names[empty]}) has no training image")
    return names, labels


def order_note(
    parts: Mapping[str, Part], classes: Sequence[str], recipe: DataRecipe
) -> tuple[str, ...]:
    """Return a note if torchvision's ImageFolder would number the classes differently.

    Args:
        parts: The parts whose labels define the classes.
        classes: Class names in the order of their numbers.
        recipe: If it lists the classes, there is no note.
    """
    texts = any(not isinstance(part.labels, np.ndarray) for part in parts.values())
    if recipe.classes is not None or not texts or (plain := sorted(classes)) == list(classes):
        return ()
    number = next(n for n, name in enumerate(classes) if name != plain[n])
    return (
        f"class names are sorted with numbers by value: class {number} is {classes[number]}, but "
        f"with torchvision's ImageFolder it is {plain[number]}; --classes sets another order",
    )


def _unlabelled(part: Part) -> bool:
    """Whether a part has no labels: it is empty, or all are -1."""
    numbers = isinstance(part.labels, np.ndarray)
    return len(part.labels) == 0 or (numbers and bool(np.all(part.labels == UNLABELLED)))


def _classes_of(name: str, train: Part) -> tuple[str, ...]:
    """Return the class names implied by the training labels."""
    if not isinstance(train.labels, np.ndarray):
        return tuple(sorted(set(train.labels), key=natural))
    present = np.unique(train.labels)
    if present[0] >= 0 and present[-1] != len(present) - 1:
        missing = int(np.argmax(present != np.arange(len(present))))
        raise InputError(
            f"{name}: no training image has label {missing}, but some have {present[-1]}; "
            "labels must count from 0 without gaps"
        )
    return tuple(str(number) for number in range(int(present[-1]) + 1))


def _numbers(part: Part, names: tuple[str, ...]) -> Integers:
    """Return the labels of one part as class numbers."""
    if isinstance(part.labels, np.ndarray):
        wrong = np.flatnonzero((part.labels < 0) | (part.labels >= len(names)))
        if len(wrong):
            raise InputError(
                f"{part.where(int(wrong[0]))}: label {part.labels[wrong[0]]} is out of range; "
                f"the {len(names)} classes are numbered 0 to {len(names) - 1}"
            )
        return part.labels
    number = {name: index for index, name in enumerate(names)}
    for index, label in enumerate(part.labels):
        if label not in number:
            raise InputError(
                f"{part.where(index)}: class {label!r} is not one of the {len(names)} classes "
                "of the training part"
            )
    return np.array([number[label] for label in part.labels], dtype=np.int64)
