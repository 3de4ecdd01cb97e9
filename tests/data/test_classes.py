"""Parts of a data set: some classes, some training images, no validation part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import scratchticket as st
from scratchticket.data import DataRecipe, gather, load_data
from scratchticket.errors import InputError


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
    with pytest.raises(InputError, match="train_images is 1258, but there are 1257"):
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
