"""Parts of a data set: some classes, some training images, no validation part."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import scratchticket as st
from scratchticket.base.errors import InputError
from scratchticket.data import DataRecipe, gather, load_data
from scratchticket.data.recipe import class_names, classes_text


def test_classes_are_kept_and_numbered_as_they_are_named(digits: st.Data) -> None:
    some = load_data(DataRecipe(classes="7, 2,5"))

    assert some.classes == ("7", "2", "5")
    for part in ("train", "validation", "test"):
        whole: st.ImageSet = getattr(digits, part)
        kept: st.ImageSet = getattr(some, part)
        assert len(kept) == sum(int((whole.labels == c).sum()) for c in (2, 5, 7))
        for number, label in enumerate((7, 2, 5)):
            ours, theirs = kept.images[kept.labels == number], whole.images[whole.labels == label]
            assert torch.equal(ours, theirs)
    assert some.recipe.classes == "7, 2,5"


@pytest.mark.parametrize(
    ("classes", "message"),
    [("1,x", "unknown class 'x'"), ("1", "two or more"), ("1,1", "two or more different")],
)
def test_classes_that_are_none_are_refused(classes: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_data(DataRecipe(classes=classes))


NAMES = ("tench, Tinca tinca", "cat", "class10")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("names.txt", "tench, Tinca tinca\n  cat \n\nclass10\n"),
        ("names.json", json.dumps(NAMES)),
        ("class_to_idx.json", json.dumps({"class10": 2, "cat": 1, "tench, Tinca tinca": 0})),
    ],
)
def test_a_file_names_classes_and_their_order(tmp_path: Path, file: str, content: str) -> None:
    (tmp_path / file).write_text(content)

    assert class_names(classes_text(str(tmp_path / file))) == NAMES


def test_a_list_of_classes_is_stored_as_it_was_told(tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("cat\ndog")

    assert classes_text(str(tmp_path / "two.txt")) == "cat,dog"
    for told in ("7, 2,5", '["a", "b, c"]', ",".join(f"class number {n}" for n in range(1000))):
        assert classes_text(told) == told
    assert class_names("[a],[b]") == ("[a]", "[b]")  # no JSON


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "classes are two or more names separated by commas, .* got '.*list'"),
        (b"cat", "holds no list of classes: expected one name per line"),
        (b'["cat", 7]', "holds no list of classes"),
        (b'{"cat": 1, "dog": 2}', "holds no list of classes: .* numbers from 0"),
        (b'{"cat": 0, "dog": 0}', "holds no list of classes"),
        (b"[cat\ndog", "holds no list of classes"),
        (b"c\xe9t\ndog", "holds no list of classes: it is not UTF-8"),
    ],
)
def test_a_file_that_lists_no_classes_is_one_line(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "list").write_bytes(content)

    with pytest.raises(InputError, match=message):
        classes_text(str(tmp_path / "list"))


def test_classes_with_commas_are_kept_in_the_order_of_a_list() -> None:
    pairs = [(np.full((8, 8), i, dtype=np.uint8), NAMES[i % 3]) for i in range(60)]

    data = gather(pairs, recipe=DataRecipe(classes=json.dumps([NAMES[1], NAMES[0]])))

    assert data.classes == (NAMES[1], NAMES[0])
    for image, label in zip(data.train.images, data.train.labels, strict=True):
        assert int(image[0, 0, 0]) % 3 == (1, 0)[int(label)]


def test_without_a_validation_part_the_test_images_serve_and_a_note_says_so() -> None:
    pairs = [(np.full((8, 8), 10 * i, dtype=np.uint8), i % 2) for i in range(20)]

    data = gather(pairs[:14], pairs[14:], recipe=DataRecipe(validation=0))

    assert len(data.train) == 14
    assert torch.equal(data.validation.images, data.test.images)
    assert any("chosen on the test images" in note for note in data.notes)


def test_some_training_images_are_kept_in_equal_shares(digits: st.Data) -> None:
    some = load_data(DataRecipe(train_images=200))

    assert len(some.train) == 200
    counts = some.train.labels.bincount()
    assert counts.max() - counts.min() <= 2  # the digits are not equally many
    assert torch.equal(some.test.images, digits.test.images)
    again = load_data(DataRecipe(train_images=200))
    assert torch.equal(some.train.images, again.train.images)
    other = load_data(DataRecipe(train_images=200, seed=1))
    assert not torch.equal(some.train.images, other.train.images)
    assert len(load_data(DataRecipe(train_images=1257)).train) == 1257
    with pytest.raises(InputError, match="train_images is 1258, but there are only 1257"):
        load_data(DataRecipe(train_images=1258))


def test_a_file_of_which_some_images_are_kept_gives_the_same_as_a_sequence(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    labels = np.arange(60) % 3
    np.savez(tmp_path / "x.npz", images=images, labels=labels)

    file = load_data(DataRecipe(str(tmp_path / "x.npz"), train_images=12))
    pairs = list(zip(images, labels, strict=True))
    sequence = gather(pairs, recipe=DataRecipe(train_images=12))

    assert len(file.train) == 12
    for part in ("train", "validation", "test"):
        assert torch.equal(getattr(file, part).images, getattr(sequence, part).images)
        assert torch.equal(getattr(file, part).labels, getattr(sequence, part).labels)
