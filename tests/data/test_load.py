"""What a name or a path means, and what is neither."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scratchticket.data import DATA_SETS, Data, DataRecipe, load_data
from scratchticket.errors import InputError


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


@pytest.mark.parametrize("name", ["cifar", "/no/such/folder", "~nobody-of-this-name/x", "a\0b"])
def test_what_is_neither_name_nor_path_says_what_would_be(name: str) -> None:
    with pytest.raises(
        InputError, match="(unknown data set|no such path) .*; or give the path of a Parquet"
    ):
        load_data(name)


def test_a_file_of_another_kind_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "data.tar"
    path.write_bytes(b"")

    with pytest.raises(InputError, match="is a file; data is a folder"):
        load_data(path)


def test_what_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", forbidden)

    with pytest.raises(InputError, match=f"cannot read {tmp_path}: Permission denied"):
        load_data(tmp_path)
