"""The split is by class, exact, and the same for ever."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from scratchticket.base.errors import InputError
from scratchticket.data import DataRecipe
from scratchticket.data.split import split_rows, stratified_split

LABELS = np.repeat(np.arange(3), [10, 20, 30])


@given(
    some.lists(some.integers(3, 40), min_size=2, max_size=8),
    some.fractions("1/20", "19/20", max_denominator=20),
    some.integers(0, 5),
)
def test_every_class_gives_its_share_and_keeps_an_image(
    counts: list[int], share: Fraction, seed: int
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    total = int(share * len(labels) + Fraction(1, 2))
    try:
        kept, out = stratified_split(labels, share, seed, "test")
    except InputError:
        assert total <= len(counts)  # so few that no class could give one
        return

    assert sorted([*kept, *out]) == list(range(len(labels)))
    taken = np.bincount(labels[out], minlength=len(counts))
    for count, number in zip(counts, taken, strict=True):
        assert share * count - 1 < number < share * count + 1
        assert number < count
    capped = any(int(share * count) == count - 1 for count in counts)
    assert len(out) == total or (capped and len(out) < total)


def test_largest_remainders_come_first_and_of_equal_ones_the_lowest_class() -> None:
    labels = np.repeat(np.arange(4), [13, 18, 13, 16])  # a tenth: 1.3, 1.8, 1.3, 1.6

    _, out = stratified_split(labels, Fraction(1, 10), 0, "validation")
    _, more = stratified_split(np.repeat(np.arange(4), 5), Fraction(1, 10), 0, "validation")

    assert np.bincount(labels[out]).tolist() == [1, 2, 1, 2]
    assert (more // 5).tolist() == [0, 1]  # 0.5 of each, two together


def test_the_split_never_changes() -> None:
    _, out = stratified_split(LABELS, Fraction(1, 10), 0, "validation")

    assert out.tolist() == [3, 13, 28, 36, 55, 56]


def test_seed_and_purpose_each_make_another_split() -> None:
    first = stratified_split(LABELS, Fraction(1, 5), 0, "validation")[1].tolist()

    assert first != stratified_split(LABELS, Fraction(1, 5), 1, "validation")[1].tolist()
    assert first != stratified_split(LABELS, Fraction(1, 5), 0, "test")[1].tolist()


def test_too_few_images_are_one_line() -> None:
    with pytest.raises(InputError, match="2 images in 2 classes are too few to hold out 1/2"):
        stratified_split(np.array([0, 1]), Fraction(1, 2), 0, "test")


def test_without_a_test_part_a_fifth_is_one() -> None:
    rows, notes = split_rows({"train": LABELS}, DataRecipe(validation="1/8"))

    assert {part: len(chosen) for part, chosen in rows.items()} == {
        "train": 42,
        "validation": 6,
        "test": 12,
    }
    assert sorted(np.concatenate(list(rows.values()))) == list(range(60))
    assert notes == ("no test part: 20 % of each class was held out for testing",)


def test_without_a_test_part_the_validation_part_is_one() -> None:
    rows, notes = split_rows({"train": LABELS, "validation": LABELS}, DataRecipe())

    assert rows["test"].tolist() == list(range(60, 120))
    assert len(rows["validation"]) == 6
    assert notes == ("no labelled test part: the validation part is used for testing",)


def test_three_given_parts_stay_as_they_are() -> None:
    parts = {"train": LABELS, "validation": LABELS[:4], "test": LABELS[:5]}

    rows, notes = split_rows(parts, DataRecipe(seed=3))

    assert [len(rows[part]) for part in ("train", "validation", "test")] == [60, 4, 5]
    assert np.concatenate(list(rows.values())).tolist() == list(range(69))
    assert notes == ()
