"""Image folders: found by their shape on the disk, refused with the file's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scratchticket.data import Data, load_data
from scratchticket.errors import InputError
from scratchticket.rng import Array

Fill = Callable[..., None]


@pytest.fixture
def fill(tmp_path: Path, pictures: Array, encode: Callable[..., bytes]) -> Fill:
    """Return a function that writes some of the pictures into a folder."""

    def write(folder: str, first: int, count: int, kind: str = "png") -> None:
        target = tmp_path / "photos" / folder
        target.mkdir(parents=True, exist_ok=True)
        for number in range(first, first + count):
            (target / f"{number:02}.{kind}").write_bytes(encode(pictures[number], kind))

    return write


def check_pixels(data: Data, pictures: Array, first: int, label: int) -> None:
    """Assert that the training images of a class are these pictures."""
    images = data.train.images[data.train.labels == label]
    found = {image.numpy().tobytes() for image in images}
    assert found <= {p.transpose(2, 0, 1).tobytes() for p in pictures[first : first + 10]}
    assert found


def test_three_parts_are_read_with_classes_sorted_by_number(
    tmp_path: Path, pictures: Array, fill: Fill
) -> None:
    fill("train/10", 0, 5)
    fill("train/9", 10, 5)
    fill("val/9", 20, 2)
    fill("test/10/deeper", 22, 3, "webp")
    (tmp_path / "photos/train/.hidden").mkdir()
    (tmp_path / "photos/train/9/.DS_Store").write_text("")

    data = load_data(tmp_path / "photos")

    assert data.classes == ("9", "10")
    assert (len(data.train), len(data.validation), len(data.test)) == (10, 2, 3)
    assert data.test.labels.tolist() == [1, 1, 1]
    check_pixels(data, pictures, 0, label=1)
    check_pixels(data, pictures, 10, label=0)
    assert data.notes == ("1 of the 2 classes have no test image",)


def test_classes_alone_are_divided(tmp_path: Path, pictures: Array, fill: Fill) -> None:
    fill("bus", 0, 10)
    fill("train", 10, 10)  # a class that is called so
    (tmp_path / "photos/bus/notes.txt").write_text("")

    data = load_data(tmp_path / "photos")

    assert data.classes == ("bus", "train")
    assert (len(data.train), len(data.validation), len(data.test)) == (14, 2, 4)
    check_pixels(data, pictures, 10, label=1)
    assert data.notes == (
        f"not read: 1 that are no images of a part, such as {tmp_path}/photos/bus/notes.txt",
        "no test part: 20 % of the images of each class were held out as one",
    )


def test_a_folder_beside_the_parts_is_noted(tmp_path: Path, fill: Fill) -> None:
    fill("train/a", 0, 5)
    fill("train/b", 5, 5)
    fill("test/a", 10, 1)
    fill("test/b", 11, 1)
    fill("rejected", 12, 1)

    [note] = load_data(tmp_path / "photos").notes

    assert note.endswith("such as " + str(tmp_path / "photos/rejected"))


def test_an_empty_class_is_one_line(tmp_path: Path, fill: Fill) -> None:
    fill("a", 0, 3)
    fill("b", 3, 0)

    with pytest.raises(InputError, match=r"class folder .*photos/b holds no image \(.*\.png"):
        load_data(tmp_path / "photos")


def test_a_test_class_that_is_not_learned_is_one_line(tmp_path: Path, fill: Fill) -> None:
    fill("train/a", 0, 5)
    fill("train/b", 5, 5)
    fill("test/c", 10, 1)

    with pytest.raises(InputError, match=r"test/c/10.png: class 'c' is none of the 2 classes"):
        load_data(tmp_path / "photos")


def test_an_image_without_a_class_is_one_line(tmp_path: Path, fill: Fill) -> None:
    fill("", 0, 1)
    with pytest.raises(
        InputError, match=r"photos/00.png lies in no class folder; expected .*CLASS"
    ):
        load_data(tmp_path / "photos")


def test_a_folder_without_images_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no class folders; expected"):
        load_data(tmp_path)


def test_a_truncated_image_is_named(tmp_path: Path, fill: Fill) -> None:
    fill("a", 0, 5)
    fill("b", 5, 5)
    victim = tmp_path / "photos/b/07.png"
    victim.write_bytes(victim.read_bytes()[:-40])

    with pytest.raises(InputError, match=r"photos/b/07.png: not a readable image"):
        load_data(tmp_path / "photos")


def test_renaming_a_class_is_other_content(
    tmp_path: Path, pictures: Array, fill: Fill, cache: Path
) -> None:
    fill("a", 0, 5)
    fill("b", 5, 5)
    load_data(tmp_path / "photos")
    load_data(tmp_path / "photos")
    assert len(list(cache.iterdir())) == 1

    (tmp_path / "photos/a").rename(tmp_path / "photos/c")
    data = load_data(tmp_path / "photos")

    assert data.classes == ("b", "c")
    check_pixels(data, pictures, 0, label=1)
