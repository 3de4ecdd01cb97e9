"""Image folders: found by their shape on the disk, refused with the file's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scratchticket.base.errors import InputError
from scratchticket.base.rng import Array
from scratchticket.data import Data, load_data

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
    assert data.notes == (
        "class names are sorted with numbers by value: class 0 is 9, but with torchvision's "
        "ImageFolder it is 10; --classes sets another order",
        "1 of the 2 classes have no test image",
    )


def test_classes_alone_are_divided(tmp_path: Path, pictures: Array, fill: Fill) -> None:
    fill("bus", 0, 10)
    fill("train", 10, 10)  # a class that is called so
    for name in ("bus/notes.txt", "README.md"):
        (tmp_path / "photos" / name).write_text("")

    data = load_data(tmp_path / "photos")

    assert data.classes == ("bus", "train")
    assert (len(data.train), len(data.validation), len(data.test)) == (14, 2, 4)
    check_pixels(data, pictures, 10, label=1)
    assert data.notes == (
        f"not read: 1 file, such as {tmp_path}/photos/bus/notes.txt",
        "no test part: 20 % of each class was held out for testing",
    )


def test_what_is_not_read_is_counted(tmp_path: Path, pictures: Array, fill: Fill) -> None:
    """Folders whose names only begin like a part's are none, and nobody's images."""
    fill("train/a", 0, 5)
    fill("train/b", 5, 5)
    fill("test/a", 10, 1)
    fill("test/b", 11, 1)
    for number, folder in enumerate(("rejected", "train_masks", "train copy", "test_old")):
        fill(f"{folder}/a", 12 + number, 1)
    (tmp_path / "photos/train_labels").mkdir()
    (tmp_path / "photos/train_labels/a.txt").write_text("")

    data = load_data(tmp_path / "photos")

    assert data.classes == ("a", "b")
    assert (len(data.train) + len(data.validation), len(data.test)) == (10, 2)
    check_pixels(data, pictures, 0, label=0)
    assert data.notes == (f"not read: 5 files, such as {tmp_path}/photos/rejected/a/12.png",)


@pytest.mark.parametrize(("train", "test"), [("seg_train", "seg_test"), ("train 2", "test 2")])
def test_names_of_parts_within_names_count_where_no_folder_is_called_so(
    tmp_path: Path, fill: Fill, train: str, test: str
) -> None:
    for number, folder in enumerate((train, test)):
        fill(f"{folder}/sea", 20 * number, 5)
        fill(f"{folder}/wood", 20 * number + 10, 5)
    fill("seg_pred", 39, 1)

    data = load_data(tmp_path / "photos")

    assert data.classes == ("sea", "wood")
    assert (len(data.train) + len(data.validation), len(data.test)) == (10, 10)
    assert data.notes == (f"not read: 1 file, such as {tmp_path}/photos/seg_pred/39.png",)
    fill(f"{train} old/sea", 38, 1)
    with pytest.raises(InputError, match=f"train part is ambiguous: {train} or {train} old; keep"):
        load_data(tmp_path / "photos")


def test_a_part_of_two_folders_is_one_line(tmp_path: Path, fill: Fill) -> None:
    for folder in ("train", "val", "validation"):
        fill(f"{folder}/a", 0, 5)
        fill(f"{folder}/b", 5, 5)

    with pytest.raises(InputError, match="validation part is ambiguous: val or validation; keep"):
        load_data(tmp_path / "photos")


def test_a_folder_that_may_be_a_part_or_a_class_is_one_line(tmp_path: Path, fill: Fill) -> None:
    for number, folder in enumerate(("bus", "car", "train")):
        fill(f"{folder}/2019", 10 * number, 5)
        fill(f"{folder}/2020", 10 * number + 5, 5)

    with pytest.raises(
        InputError, match="training part or a class like bus, car; .* give .*/train; if"
    ):
        load_data(tmp_path / "photos")
    assert load_data(tmp_path / "photos" / "train").classes == ("2019", "2020")


def test_parts_without_a_training_part_judge(tmp_path: Path, fill: Fill) -> None:
    for number, folder in enumerate(("val", "test")):
        fill(f"{folder}/a", 20 * number, 5)
        fill(f"{folder}/b", 20 * number + 10, 5)

    assert len(load_data(tmp_path / "photos", whole=True).test) == 20
    with pytest.raises(InputError, match="there is no labelled training part"):
        load_data(tmp_path / "photos")


def test_what_systems_leave_in_folders_is_not_looked_at(tmp_path: Path, fill: Fill) -> None:
    fill("a", 0, 5)
    fill("b", 5, 5)
    fill("b/@eaDir/05.png", 10, 1)  # a thumbnail
    fill("__MACOSX/a", 11, 1)
    fill("$RECYCLE.BIN", 12, 1)
    for name in ("__MACOSX/a/._00.png", "a/._00.png", ".DS_Store", "a/.DS_Store"):
        (tmp_path / "photos" / name).write_text("no image")

    data = load_data(tmp_path / "photos")

    assert data.classes == ("a", "b")
    assert sum(map(len, (data.train, data.validation, data.test))) == 10
    assert data.notes == ("no test part: 20 % of each class was held out for testing",)


def test_tiny_imagenet_is_read_with_its_annotations(
    tmp_path: Path, pictures: Array, fill: Fill
) -> None:
    home = tmp_path / "photos"
    for number, name in enumerate(("n01443537", "n01629819")):
        fill(f"train/{name}/images", 10 * number, 5)
        (home / "train" / name / f"{name}_boxes.txt").write_text("")
    fill("val/images", 20, 4)
    fill("test/images", 30, 3)
    rows = [f"{20 + n:02}.png\tn0{'1443537' if n % 2 else '1629819'}\t0\t32\n" for n in range(4)]
    listing = home / "val" / "val_annotations.txt"
    listing.write_text("".join(rows))

    data = load_data(home)

    assert data.classes == ("n01443537", "n01629819")
    np.testing.assert_array_equal(data.test.images, pictures[20:24].transpose(0, 3, 1, 2))
    assert data.test.labels.tolist() == [1, 0, 1, 0]
    assert "no labelled test part: the validation part is used for testing" in data.notes
    assert data.notes[0].startswith("not read: 6 files")  # three images without a class
    listing.write_text("".join(rows[1:]))
    with pytest.raises(InputError, match="val_annotations.txt has no class for 20.png"):
        load_data(home)
    listing.rename(tmp_path / "elsewhere.txt")
    listing.symlink_to(tmp_path / "elsewhere.txt")
    with pytest.raises(InputError, match="val_annotations.txt is a link; replace it by a copy"):
        load_data(home)


def test_an_empty_class_is_one_line(tmp_path: Path, fill: Fill) -> None:
    fill("a", 0, 3)
    fill("b", 3, 0)

    with pytest.raises(InputError, match=r"class folder .*photos/b holds no image \(.*\.png"):
        load_data(tmp_path / "photos")


def test_parquet_files_deeper_than_they_are_read_are_named(tmp_path: Path) -> None:
    inner = tmp_path / "photos" / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (inner / "train.parquet").touch()

    with pytest.raises(InputError, match=f"photos holds no images; for Parquet data, give {inner}"):
        load_data(tmp_path / "photos")


def test_a_test_class_that_is_not_learned_is_one_line(tmp_path: Path, fill: Fill) -> None:
    fill("train/a", 0, 5)
    fill("train/b", 5, 5)
    fill("test/c", 10, 1)

    with pytest.raises(InputError, match=r"test/c/10.png: class 'c' is not one of the 2 classes"):
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
