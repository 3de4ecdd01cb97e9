"""A few classes of a data set are a task of their own; the test images can be validated on."""

from __future__ import annotations

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
