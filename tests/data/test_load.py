"""What a name or a path means, and what is neither."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from scratchticket.base.errors import InputError
from scratchticket.data import DATA_SETS, Data, DataRecipe, load_data


def test_every_known_name_is_listed() -> None:
    assert DATA_SETS == ("digits", "cifar10", "cifar100", "svhn", "imagenet")


def test_data_remember_what_was_asked_for() -> None:
    recipe = DataRecipe("digits", size=9)

    assert load_data(recipe).recipe == recipe
    assert load_data("digits").recipe == DataRecipe()


def test_digits_follow_a_recipe_too(digits: Data) -> None:
    recipe = DataRecipe("digits", size=16, colour="rgb", normalisation="computed")

    data = load_data(recipe)

    assert data.shape == (3, 16, 16)
    assert torch.equal(data.test.labels, digits.test.labels)
    assert data.mean[0] == pytest.approx(float(data.train.images.double().mean()) / 255)
    with pytest.raises(InputError, match="digits has no columns"):
        load_data(DataRecipe("digits", label_column="label"))


def test_the_whole_of_a_data_set_is_its_test_part(digits: Data) -> None:
    recipe = DataRecipe("digits", train_images=100, validation="1/2")

    everything = load_data(recipe, whole=True)

    assert everything.judged == {"name": "digits", "part": "all", "of": 1797}
    parts = (digits.train, digits.validation, digits.test)
    assert torch.equal(everything.test.images, torch.cat([part.images for part in parts]))
    assert torch.equal(everything.test.labels, torch.cat([part.labels for part in parts]))
    assert digits.judged == {"name": "digits", "part": "test", "of": 360}
    some = load_data(replace(recipe, classes="3,1"), whole=True)
    assert some.judged["part"] == "all"
    assert len(some.test) == int(
        ((everything.test.labels == 3) | (everything.test.labels == 1)).sum()
    )


def test_a_test_part_alone_is_whole(tmp_path: Path, digits: Data) -> None:
    images, labels = digits.test.images[:3].numpy(), digits.test.labels[:3].numpy()
    names = np.array(digits.classes)
    np.savez(tmp_path / "a.npz", test_images=images, test_labels=labels, classes=names)

    with pytest.raises(InputError, match="no labelled training part"):
        load_data(tmp_path / "a.npz")
    data = load_data(tmp_path / "a.npz", whole=True)

    assert len(data.test) == 3
    assert data.classes == digits.classes  # though most have no image


@pytest.mark.parametrize("name", ["cifar", "/no/such/folder", "~nobody-of-this-name/x", "a\0b"])
def test_what_is_neither_name_nor_path_says_what_would_be(name: str) -> None:
    with pytest.raises(
        InputError, match="(unknown data set|no such path) .*; give a known name, or the path of a"
    ):
        load_data(name)


def test_a_place_is_refused_for_data_that_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="place is for cifar10, .* only, not for digits"):
        load_data("digits", place=str(tmp_path))


def test_a_file_of_another_kind_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "data.tar"
    path.write_bytes(b"")

    with pytest.raises(InputError, match="is neither a .parquet nor an .npz file; data is one"):
        load_data(path)


def test_what_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", forbidden)

    with pytest.raises(InputError, match=f"cannot read {tmp_path}: Permission denied"):
        load_data(tmp_path)
