"""Arrays in an .npz file: every layout, and no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchticket.base.errors import InputError
from scratchticket.base.rng import Array
from scratchticket.data import DataRecipe, load_data

LABELS = np.arange(40) % 4


def save(folder: Path, **arrays: Any) -> Path:
    path = folder / "mine.npz"
    np.savez_compressed(path, **arrays)
    return path


@pytest.mark.parametrize("layout", ["last", "first", "grey", "grey-last", "fortran"])
def test_every_layout_gives_the_same_pixels(tmp_path: Path, pictures: Array, layout: str) -> None:
    grey = pictures[:, :, :, :1]
    images = {
        "last": pictures,
        "first": pictures.transpose(0, 3, 1, 2),
        "grey": grey[..., 0],
        "grey-last": grey,
        "fortran": np.asfortranarray(pictures),
    }[layout]

    test = {"test_images": images[:8], "test_labels": LABELS[:8]}

    data = load_data(save(tmp_path, train_images=images, train_labels=LABELS, **test))

    expected = (grey if layout.startswith("grey") else pictures)[:8].transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(data.test.images, expected)
    assert (len(data.train), len(data.validation), len(data.test)) == (36, 4, 8)
    assert data.classes == ("0", "1", "2", "3")


def test_plain_arrays_are_divided_and_may_name_their_classes(
    tmp_path: Path, pictures: Array
) -> None:
    path = save(tmp_path, images=pictures, labels=LABELS.astype(np.uint8), classes=list("wxyz"))

    data = load_data(path)

    assert (len(data.train), len(data.validation), len(data.test)) == (29, 3, 8)
    assert data.classes == tuple("wxyz")


def test_labels_may_be_names(tmp_path: Path, pictures: Array) -> None:
    names = np.array(["cat", "dog", "ant", "bee"])[LABELS]

    data = load_data(save(tmp_path, images=pictures, labels=names))

    assert data.classes == ("ant", "bee", "cat", "dog")


@pytest.mark.parametrize("name", ["validation", "val", "valid", "dev"])
def test_a_validation_part_is_read_whatever_it_is_called(
    tmp_path: Path, pictures: Array, name: str
) -> None:
    labels = LABELS[:, None]  # a column, as in MedMNIST
    own = {f"{name}_images": pictures[:12], f"{name}_labels": labels[:12]}
    train = {"train_images": pictures, "train_labels": labels}
    test = {"test_images": pictures[:8], "test_labels": labels[:8]}

    data = load_data(save(tmp_path, **train, **own, **test))

    np.testing.assert_array_equal(data.validation.images, pictures[:12].transpose(0, 3, 1, 2))
    assert data.validation.labels.tolist() == LABELS[:12].tolist()
    assert (len(data.train), len(data.test), data.notes) == (40, 8, ())


def test_arrays_that_are_not_used_are_one_note(tmp_path: Path, pictures: Array) -> None:
    train = {"train_images": pictures, "train_labels": LABELS}
    test = {"test_images": pictures[:8], "test_labels": LABELS[:8]}
    extra = {"extra_images": pictures, "masks": LABELS, "images": pictures}

    data = load_data(save(tmp_path, **train, **test, **extra))

    assert data.notes == ("arrays not used: extra_images, images, masks",)


def test_plain_arrays_train_beside_a_test_part(tmp_path: Path, pictures: Array) -> None:
    test = {"test_images": pictures[:8], "test_labels": LABELS[:8]}

    data = load_data(save(tmp_path, images=pictures, labels=LABELS, **test))

    assert (len(data.train), len(data.validation), len(data.test)) == (36, 4, 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "holds the arrays images, but not labels; expected train_images"),
        ({"images": None}, "holds the arrays labels, but not images; expected train_images"),
        ({"train_images": np.zeros(3)}, "but not train_labels; expected"),
        ({"labels": LABELS[:-1]}, r"39 labels, but images is of shape \(40, 8, 8, 3\)"),
        (
            {"val_images": LABELS, "dev_images": LABELS},
            "val_images and dev_images are the same part; keep one",
        ),
        ({"labels": LABELS / 2}, "labels must be a vector of integers or of text, got float64"),
        ({"labels": np.eye(40, dtype=int)}, r"labels must be a vector .* of shape \(40, 40\)"),
        ({"classes": ["a", "b"]}, r"images, row 2 \(counted from 0\): label 2 is out of range"),
        ({"classes": np.arange(4)}, "classes must be a vector of text, got int64"),
        ({"images": np.zeros((40, 3, 8, 3), np.uint8)}, r"row 0 .*: an array of shape \(3, 8, 3\)"),
        ({"images": np.zeros((40, 8, 8))[..., None] + 0.3}, r"row 0 .*float pixels must be multip"),
        ({"images": np.zeros((40, 8, 8), int)}, r"row 0 .*pixels must be uint8"),
    ],
)
def test_wrong_arrays_are_one_line(
    tmp_path: Path, pictures: Array, changes: dict[str, Any], message: str
) -> None:
    arrays = {"images": pictures, "labels": LABELS} | changes
    path = save(tmp_path, **{name: value for name, value in arrays.items() if value is not None})

    with pytest.raises(InputError, match=f"mine.npz: .*{message}|mine.npz: {message}"):
        load_data(path)


@pytest.mark.parametrize("name", ["images", "labels", "classes"])
def test_pickled_objects_are_never_read(tmp_path: Path, pictures: Array, name: str) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "sprung",)

    arrays = {"images": pictures, "labels": LABELS, name: np.array([Trap()], dtype=object)}
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)

    with pytest.raises(InputError, match="mine.npz: cannot be read .Object arrays cannot be"):
        load_data(path)
    assert not (tmp_path / "sprung").exists()


def test_a_damaged_file_is_one_line(tmp_path: Path, pictures: Array) -> None:
    path = save(tmp_path, images=pictures, labels=LABELS)
    content = path.read_bytes()
    for length in (0, 10, 200, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="mine.npz: "):
            load_data(path)
    for place in range(0, len(content), 97):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            load_data(path)  # not every byte matters
        except InputError as error:
            assert "mine.npz: " in str(error)


def test_size_resizes_arrays_too(tmp_path: Path, pictures: Array) -> None:
    path = save(tmp_path, images=pictures, labels=LABELS)

    assert load_data(DataRecipe(str(path), size=4, colour="grey")).shape == (1, 4, 4)


def test_columns_are_for_tables(tmp_path: Path, pictures: Array) -> None:
    path = save(tmp_path, images=pictures, labels=LABELS)

    with pytest.raises(InputError, match="has no columns; label_column is for Parquet data"):
        load_data(DataRecipe(str(path), label_column="labels"))
