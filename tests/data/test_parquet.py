"""Parquet folders: parts by their names, columns by their types, errors by their rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchticket.base.errors import InputError
from scratchticket.base.rng import Array
from scratchticket.data import DataRecipe, load_data

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

LABELS = [i % 4 for i in range(40)]
NAMES = {"label": list("wxyz")}


@pytest.fixture
def folder(tmp_path: Path, pictures: Array, write_table: Callable[..., Path]) -> Path:
    """A training part of two files and a test part."""
    home = tmp_path / "mine"
    for number, rows in enumerate((slice(0, 24), slice(24, 40))):
        path = home / f"train-{number:05}-of-00002.parquet"
        write_table(path, pictures[rows], {"label": LABELS[rows]}, classes=NAMES)
    path = home / "test-00000-of-00001.parquet"
    write_table(path, pictures[:8], {"label": LABELS[:8]}, classes=NAMES)
    return home


def test_parts_labels_and_class_names_are_read(folder: Path, pictures: Array) -> None:
    data = load_data(folder)

    assert data.classes == tuple("wxyz")
    np.testing.assert_array_equal(data.test.images, pictures[:8].transpose(0, 3, 1, 2))
    assert data.test.labels.tolist() == LABELS[:8]
    assert (len(data.train), len(data.validation), data.notes) == (36, 4, ())
    label = {p.transpose(2, 0, 1).tobytes(): i % 4 for i, p in enumerate(pictures)}
    for part in (data.train, data.validation):
        for image, number in zip(part.images, part.labels, strict=True):
            assert label[image.numpy().tobytes()] == number


def test_the_split_depends_on_the_data_and_its_seed_alone(folder: Path) -> None:
    first = load_data(DataRecipe(str(folder), validation="1/4", seed=3))
    again = load_data(DataRecipe(str(folder), validation=0.25, seed=3))
    other = load_data(DataRecipe(str(folder), validation="1/4", seed=4))

    assert first.validation.images.equal(again.validation.images)
    assert not first.validation.images.equal(other.validation.images)
    assert first.validation.labels.bincount().tolist() == [3, 3, 2, 2]  # of ten each: 2.5


def test_the_second_time_nothing_is_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_data(folder)
    monkeypatch.setattr("scratchticket.data.assemble.decoded", None)

    second = load_data(folder)

    assert second.train.images.equal(first.train.images)
    assert second.train.labels.equal(first.train.labels)


@pytest.mark.parametrize(
    "changes", [{"size": 4}, {"colour": "grey"}, {"seed": 1}, {"validation": "0.2"}]
)
def test_what_changes_the_stored_pixels_is_stored_anew(
    folder: Path, cache: Path, changes: dict[str, Any]
) -> None:
    load_data(folder)

    load_data(DataRecipe(str(folder), **changes))

    assert len(list(cache.iterdir())) == 2


def test_changed_content_is_decoded_anew(
    folder: Path, pictures: Array, write_table: Callable[..., Path]
) -> None:
    load_data(folder)
    path = folder / "test-00000-of-00001.parquet"
    write_table(path, 255 - pictures[:8], {"label": LABELS[:8]}, classes=NAMES)

    data = load_data(folder)

    np.testing.assert_array_equal(data.test.images, 255 - pictures[:8].transpose(0, 3, 1, 2))


def test_extra_columns_are_one_note(
    tmp_path: Path, pictures: Array, write_table: Callable[..., Path]
) -> None:
    extra = {"label": LABELS, "exact": [True] * 40, "group": LABELS, "origin": ["web"] * 40}
    path = write_table(tmp_path / "all.parquet", pictures, extra, classes=NAMES)

    data = load_data(path)

    assert data.notes[0] == "columns not used: exact, group, origin"
    assert data.classes == tuple("wxyz")  # the one column with class names


def test_the_label_column_can_be_chosen(
    tmp_path: Path, pictures: Array, write_table: Callable[..., Path]
) -> None:
    halves = ["odd" if label % 2 else "even" for label in LABELS]
    columns = {"fine": LABELS, "coarse": pa.array(halves).dictionary_encode()}
    path = write_table(tmp_path / "all.parquet", pictures, columns)

    with pytest.raises(InputError, match="column could be fine or coarse; choose .*--label-column"):
        load_data(path)
    assert load_data(DataRecipe(str(path), label_column="fine")).classes == tuple("0123")
    assert load_data(DataRecipe(str(path), label_column="coarse")).classes == ("even", "odd")
    with pytest.raises(InputError, match="'rough' is not a column of .* that are: fine, coarse"):
        load_data(DataRecipe(str(path), label_column="rough"))


@pytest.mark.parametrize(
    ("columns", "classes", "message"),
    [
        ({}, {}, "all.parquet: no label column; expected one of integers or text"),
        ({"score": [0.5] * 40}, {}, "no label column"),
        ({"a": LABELS, "b": LABELS}, {"a": NAMES["label"], "b": list("abcd")}, "a or b; choose"),
        ({"label": [None, *LABELS[1:]]}, {}, r"all.parquet, row 0 \(counted from 0\): there is no"),
        ({"label": [*LABELS[1:], 4]}, NAMES, r"all.parquet, row 39 .*: label 4 is out of range"),
        (
            {"label": np.full(40, 2**63, np.uint64)},
            {},
            "column label holds no labels .Integer value",
        ),
        ({"image2": [b"x"] * 40, "label": LABELS}, {}, "one column of encoded images, found 2"),
    ],
)
def test_wrong_columns_are_one_line(  # noqa: PLR0917
    tmp_path: Path,
    pictures: Array,
    write_table: Callable[..., Path],
    columns: dict[str, Any],
    classes: dict[str, Any],
    message: str,
) -> None:
    path = write_table(tmp_path / "all.parquet", pictures, columns, classes=classes)

    with pytest.raises(InputError, match=message):
        load_data(path)


def test_tables_without_images_are_one_line(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "label": [0]}), tmp_path / "train.parquet")

    with pytest.raises(InputError, match="found 0; its columns: text, label"):
        load_data(tmp_path)


@pytest.mark.parametrize("kind", ["grey", "small", "damaged", "none"])
def test_a_wrong_image_is_named_by_file_and_row(
    folder: Path,
    pictures: Array,
    encode: Callable[..., bytes],
    write_table: Callable[..., Path],
    kind: str,
) -> None:
    bad, message = {
        "grey": (encode(pictures[30][:, :, 0]), "the image is grey, but the first training image"),
        "small": (encode(pictures[30][:5]), "the image is 5 pixels high and 8 wide, but the"),
        "damaged": (encode(pictures[30])[:60], "not a readable image"),
        "none": (None, "there is no image"),
    }[kind]
    images = [encode(picture) for picture in pictures[24:]]
    images[6] = bad
    path = folder / "train-00001-of-00002.parquet"
    if bad is None:
        rows = [{"bytes": image, "path": "x"} for image in images]
        pq.write_table(_like(path, rows), path)
    else:
        write_table(path, images, {"label": LABELS[24:]}, classes=NAMES)

    with pytest.raises(InputError, match=rf"00001-of-00002.parquet, row 6 .*: {message}"):
        load_data(folder)


def _like(path: Path, rows: list[dict[str, Any]]) -> Any:
    """Return the table of a file with other images."""
    table = pq.read_table(path)
    return table.set_column(0, table.schema.field(0), [pa.array(rows, table.schema.field(0).type)])


def test_a_truncated_file_is_one_line(folder: Path) -> None:
    path = folder / "train-00001-of-00002.parquet"
    content = path.read_bytes()
    for length in (0, 3, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="00001-of-00002.parquet: not a readable Parquet"):
            load_data(folder)


def test_damaged_bytes_are_never_a_traceback(folder: Path) -> None:
    path = folder / "test-00000-of-00001.parquet"
    content, draws = path.read_bytes(), np.random.default_rng(0)
    failures = 0
    for _ in range(100):
        damaged = bytearray(content)
        for place in draws.integers(0, len(content), 3):
            damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            load_data(folder)
        except InputError as error:
            failures += 1
            assert "\n" not in str(error)
    assert failures > 50


def test_a_missing_file_of_a_series_is_named(folder: Path) -> None:
    (folder / "train-00000-of-00002.parquet").unlink()

    with pytest.raises(InputError, match="train-00000-of-00002.parquet is missing: .* one of 2"):
        load_data(folder)


def test_class_names_must_agree_between_files(
    folder: Path, pictures: Array, write_table: Callable[..., Path]
) -> None:
    path = folder / "test-00000-of-00001.parquet"
    write_table(path, pictures[:8], {"label": LABELS[:8]}, classes={"label": list("zyxw")})

    with pytest.raises(InputError, match="test-0.*class names differ from those of .*train-00000"):
        load_data(folder)


def test_a_single_part_is_divided_whatever_its_name(folder: Path) -> None:
    for path in folder.glob("train-*"):
        path.unlink()
    path = folder / "test-00000-of-00001.parquet"

    for given in (folder, path):
        data = load_data(DataRecipe(str(given), validation="0.4"))

        assert (len(data.train), len(data.validation), len(data.test)) == (4, 2, 2)
        assert data.notes[0].startswith("no test part: 20 %")


def test_a_training_part_is_needed(folder: Path) -> None:
    for path in folder.glob("train-*"):
        path.rename(folder / path.name.replace("train", "validation"))

    with pytest.raises(InputError, match="there is no labelled training part"):
        load_data(folder)


def test_files_of_no_known_part_are_noted(folder: Path) -> None:
    (folder / "test-00000-of-00001.parquet").rename(folder / "extra.parquet")

    data = load_data(folder)

    assert data.notes[0] == f"not read: 1 file, such as {folder}/extra.parquet"
    assert (len(data.train), len(data.validation), len(data.test)) == (29, 3, 8)


def test_parts_may_be_folders_or_lie_in_one(folder: Path) -> None:
    expected = load_data(folder).test.images
    deeper = folder.rename(folder.with_name("files"))
    home = folder
    home.mkdir()
    deeper = deeper.rename(home / "data")
    assert load_data(home).test.images.equal(expected)

    (home / "test").mkdir()
    (deeper / "test-00000-of-00001.parquet").rename(home / "test/0.parquet")
    deeper.rename(home / "train")
    assert load_data(home).test.images.equal(expected)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("default/train/0000.parquet", "default/test/0000.parquet"),  # the hub's own conversion
        ("a/b/train.parquet", "a/b/test.parquet"),
        ("train/train.parquet", "test/test.parquet"),
        ("partial-train/0000.parquet", "partial-test/0000.parquet"),
        ("my_train.parquet", "my_test.parquet"),
        ("training_0.parquet", "eval-0.parquet"),
        ("train-00000-of-00001-a09b74b3.parquet", "test-00000-of-00001-b3ef9c3b.parquet"),
    ],
)
def test_parts_are_found_by_every_name_that_the_hub_uses(
    tmp_path: Path, pictures: Array, write_table: Callable[..., Path], train: str, test: str
) -> None:
    write_table(tmp_path / "mine" / train, pictures[8:], {"label": LABELS[8:]}, classes=NAMES)
    write_table(tmp_path / "mine" / test, pictures[:8], {"label": LABELS[:8]}, classes=NAMES)
    (tmp_path / "mine" / "._train.parquet").write_text("what a Mac leaves")

    data = load_data(tmp_path / "mine")

    assert (len(data.train) + len(data.validation), data.notes) == (32, ())
    np.testing.assert_array_equal(data.test.images, pictures[:8].transpose(0, 3, 1, 2))


def test_splits_whose_names_begin_like_a_part_are_no_part(
    folder: Path, pictures: Array, write_table: Callable[..., Path]
) -> None:
    for name in ("train_unlabeled", "test_hard", "validation_matched", "validation_mismatched"):
        path = folder / f"{name}-00000-of-00001.parquet"
        write_table(path, 255 - pictures, {"label": LABELS}, classes=NAMES)

    data = load_data(folder)

    assert (len(data.train), len(data.validation), len(data.test)) == (36, 4, 8)
    np.testing.assert_array_equal(data.test.images, pictures[:8].transpose(0, 3, 1, 2))
    [note] = data.notes
    assert note.startswith("not read: 4 files, such as ")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train_labeled", "train_unlabeled", "test"], "no labelled training part"),
        (["my_train", "your_train"], r"ambiguous: my_train\*.parquet or your_train\*.parq"),
        (["train", "training"], r"ambiguous: train\*.parquet or training\*.parquet; keep"),
        (["train", "train/0"], r"ambiguous: train\*.parquet or train/; keep"),
        (["train", "train-00000-of-00001"], r"ambiguous: train\*.parquet or train-of-00001.parq"),
        (["a-00000-of-00001", "b-00000-of-00001"], "ambiguous: a-of-00001.parquet or b-of-00001"),
    ],
)
def test_a_part_that_may_be_either_of_two_is_one_line(
    tmp_path: Path,
    pictures: Array,
    write_table: Callable[..., Path],
    names: list[str],
    message: str,
) -> None:
    for name in names:
        write_table(tmp_path / "mine" / f"{name}.parquet", pictures, {"label": LABELS})

    with pytest.raises(InputError, match=message):
        load_data(tmp_path / "mine")


def test_two_data_sets_in_one_folder_are_one_line(folder: Path) -> None:
    home = folder.with_name("both")
    for name in ("one", "two"):
        (home / name).mkdir(parents=True)
        (home / name / "train.parquet").write_bytes(b"")

    with pytest.raises(InputError, match="several folders hold Parquet files: one, two; give"):
        load_data(home)
