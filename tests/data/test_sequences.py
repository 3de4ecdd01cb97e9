"""Any sequence of pairs becomes a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image
from torch.utils.data import Dataset

from scratchticket.base.errors import InputError
from scratchticket.base.rng import Array
from scratchticket.data import DataRecipe, gather
from scratchticket.data.sequences import reorder


class Lazy(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """What torchvision offers: pictures on demand, and no error past the end."""

    def __init__(self, pictures: Array) -> None:
        self.pictures = torch.from_numpy(pictures).permute(0, 3, 1, 2)
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        self.asked.append(index)
        return self.pictures[index] / 255, torch.tensor(index % 4)


def test_a_torch_dataset_is_read_once_and_in_order(pictures: Array) -> None:
    lazy = Lazy(pictures)

    data = gather(lazy, [(pictures[i], i) for i in range(4)], name="mine")

    assert lazy.asked == list(range(40))
    assert (data.name, len(data.train), len(data.validation), len(data.test)) == ("mine", 36, 4, 4)
    np.testing.assert_array_equal(data.test.images, pictures[:4].transpose(0, 3, 1, 2))


def test_every_image_keeps_its_label(pictures: Array) -> None:
    data = gather([(picture, i % 4) for i, picture in enumerate(pictures)])

    label = {p.transpose(2, 0, 1).tobytes(): i % 4 for i, p in enumerate(pictures)}
    seen = [
        (image.numpy().tobytes(), int(number))
        for part in (data.train, data.validation, data.test)
        for image, number in zip(part.images, part.labels, strict=True)
    ]
    assert sorted(seen) == sorted(label.items())


def test_pictures_of_any_kind_and_named_labels_mix(
    pictures: Array, encode: Callable[..., bytes], tmp_path: Any
) -> None:
    path = tmp_path / "0.png"
    path.write_bytes(encode(pictures[0]))
    kinds = [path, encode(pictures[0]), Image.fromarray(pictures[0]), pictures[0]]
    pairs = [(kind, name) for kind in kinds for name in ("cat", "dog")]

    data = gather(pairs, pairs[:2], validation=pairs[2:4])

    assert data.classes == ("cat", "dog")
    assert torch.equal(data.train.images, data.train.images[:1].expand(8, 3, 8, 8))
    assert (len(data.validation), data.notes) == (2, ())


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "data: train must be a sequence of one or more"),
        (iter([]), "data: train must be a sequence of one or more"),
        ([{"image": 0, "label": 0}], r"train, item 0 \(counted from 0\): expected a pair .*dict"),
        ([("image", 0)], r"item 0 .*: no such image: image"),
        ([(7, 0)], r"item 0 .*: not an image: int"),
        ([(np.zeros((8, 8), np.uint8), 0.5)], "item 0 .*: the label must be a whole number or a"),
        ([(np.zeros((8, 8), np.uint8), 2**80)], "item 0 .*: the label must be a whole number or a"),
        ([(np.zeros((8, 8), np.uint8), label) for label in (0, "a")], "some labels are numbers"),
        (
            [(np.zeros((8, 8), np.uint8), 0), (np.zeros((8, 9), np.uint8), 1)],
            r"train, item 1 \(counted from 0\): the image is 8 pixels high and 9 wide",
        ),
    ],
)
def test_what_is_no_sequence_of_pairs_is_one_line(pairs: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gather(pairs)


def test_a_test_part_without_labels_is_left_out(pictures: Array) -> None:
    pairs = [(picture, i % 4) for i, picture in enumerate(pictures)]

    data = gather(pairs, [(pictures[0], -1)] * 3, validation=pairs[:4])

    np.testing.assert_array_equal(data.test.images, pictures[:4].transpose(0, 3, 1, 2))
    assert "the validation part is used for testing" in data.notes[0]


def test_classes_can_be_named(pictures: Array) -> None:
    pairs = [(picture, i % 4) for i, picture in enumerate(pictures)]

    assert gather(pairs, classes=list("wxyz")).classes == tuple("wxyz")
    with pytest.raises(InputError, match="train, item 3 .*: label 3 is out of range"):
        gather(pairs, classes=list("wxy"))


def test_the_recipe_prepares_and_divides(pictures: Array) -> None:
    pairs = [(picture, i % 4) for i, picture in enumerate(pictures)]
    recipe = DataRecipe(size=4, colour="grey", validation="1/4", normalisation="none", seed=9)

    data = gather(pairs, pairs, recipe=recipe)

    assert data.shape == (1, 4, 4)
    assert (len(data.train), data.mean, data.std) == (30, (0.0,), (1.0,))
    assert data.recipe == replace(recipe, name="data")


@given(some.permutations(range(9)))
def test_reordering_in_place_is_indexing(order: list[int]) -> None:
    array = np.arange(18, dtype=np.uint8).reshape(9, 2)
    expected = array[order]

    reorder(array, np.array(order))

    np.testing.assert_array_equal(array, expected)
