"""Labels become class numbers, or a line that names the row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from scratchticket.base.errors import InputError
from scratchticket.data.labels import number_classes, order_note
from scratchticket.data.recipe import DataRecipe
from scratchticket.data.source import Part, natural, part_named, part_within


def part(labels: Sequence[int] | list[str]) -> Part:
    """Return a part with labels and no images."""
    names = isinstance(labels[0], str)
    return Part(labels if names else np.array(labels), list, lambda index: f"file, row {index}")


def test_names_are_numbered_in_natural_order() -> None:
    classes, labels = number_classes("x", {"train": part(["b10", "a", "b2"])}, None)

    assert classes == ("a", "b2", "b10")
    assert labels["train"].tolist() == [2, 0, 1]


def test_numbers_name_themselves() -> None:
    assert number_classes("x", {"train": part([2, 0, 1])}, None)[0] == ("0", "1", "2")


def test_parts_come_in_one_order_whatever_order_they_are_given_in() -> None:
    parts = {"test": part([0]), "validation": part([1]), "train": part([0, 1])}

    assert list(number_classes("x", parts, None)[1]) == ["train", "validation", "test"]


@pytest.mark.parametrize(
    ("train", "test", "classes", "message"),
    [
        ([0, 1, 9], [0], ["a", "b"], "file, row 2: label 9 is out of range; the 2 classes"),
        ([0, 1], [0, -2], ["a", "b"], "file, row 1: label -2 is out of range"),
        ([0, 1, -1], [0], None, "file, row 2: label -1 is out of range"),
        ([0, 1], [0, 2], None, "file, row 1: label 2 is out of range"),
        ([0, 2], [0], None, "no training image has label 1, but some have 2"),
        ([1, 2], [1], None, "no training image has label 0, but some have 2"),
        ([0, 2], [0], ["a", "b", "c"], r"class 1 \(b\) has no training image"),
        (["a", "b"], ["a", "c"], None, "file, row 1: class 'c' is not one of the 2 classes"),
        ([0, 0], [0], None, "two or more different classes, got 0"),
        ([0, 1], [0], ["a", "a"], "two or more different classes, got a, a"),
        ([-1, -1], [0], ["a", "b"], "no labelled training part"),
    ],
)
def test_wrong_labels_are_one_line(
    train: list[int], test: list[int], classes: list[str] | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        number_classes("x", {"train": part(train), "test": part(test)}, classes)


def test_a_part_without_any_label_is_left_out() -> None:
    parts = {"train": part([0, 1]), "test": part([-1, -1])}

    assert list(number_classes("x", parts, None)[1]) == ["train"]


def test_names_sort_with_their_numbers_by_value() -> None:
    assert sorted(["10", "9", "a10", "a9", "b", "09"], key=natural) == [
        "09",
        "9",
        "10",
        "a9",
        "a10",
        "b",
    ]


def test_an_order_that_is_not_torchvisions_is_noted() -> None:
    names, numbers = {"train": part(["c10", "c2", "c1"])}, {"train": part([*range(11)])}

    [note] = order_note(names, ["c1", "c2", "c10"], DataRecipe())

    assert "class 1 is c2, but with torchvision's ImageFolder it is c10; --classes" in note
    assert order_note(names, ["c1", "c10", "c2"], DataRecipe()) == ()
    assert order_note(names, ["c1", "c2", "c10"], DataRecipe(classes="c10,c2")) == ()
    assert order_note(numbers, [str(n) for n in range(11)], DataRecipe()) == ()


@pytest.mark.parametrize(
    ("name", "called", "within"),
    [
        ("Training", "train", "train"),
        ("val", "validation", "validation"),
        ("dev", "validation", "validation"),
        ("evaluation", "test", "test"),
        ("valid_1", None, "validation"),
        ("train_masks", None, "train"),
        ("train copy", None, "train"),
        ("seg_test", None, "test"),
        ("test2", None, "test"),
        ("train_val", None, None),  # which of them?
        ("trainer", None, None),
        ("testament", None, None),
        ("extra", None, None),
    ],
)
def test_a_part_is_called_so_or_its_name_stands_within_another(
    name: str, called: str | None, within: str | None
) -> None:
    assert part_named(name) == called
    assert part_within(name) == within
