"""Lazy image sets give the right pixels and decode no more of them than asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scratchticket.base.errors import InputError
from scratchticket.base.rng import Array, generator
from scratchticket.data import Data, DataRecipe, gather, load_data
from scratchticket.data.augmentation import AUGMENTATIONS, boxes, crop_draws
from scratchticket.data.known import KNOWN_SETS

LAZY = DataRecipe(size=14, colour="rgb", lazy=True)


@pytest.fixture(scope="module")
def photographs() -> list[Array]:
    """Thirty photographs of different sizes, ``(height, width, channel)``."""
    draws = np.random.default_rng(1)
    sizes = draws.integers(16, 40, (30, 2))
    return [draws.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


@pytest.fixture
def folder(tmp_path: Path, photographs: list[Array], encode: Callable[..., bytes]) -> Path:
    """An image folder: two classes of fifteen."""
    for number, photograph in enumerate(photographs):
        path = tmp_path / "photos" / ("cat", "dog")[number // 15] / f"{number:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(photograph, "jpeg"))
    return tmp_path / "photos"


@pytest.fixture
def table(folder: Path, tmp_path: Path, write_table: Callable[..., Path]) -> Path:
    """The same as Parquet, in two shards."""
    files = sorted(folder.rglob("*.jpg"))
    for shard, chosen in enumerate((files[:20], files[20:])):
        path = tmp_path / f"table/train-{shard:05}-of-00002.parquet"
        labels = [("cat", "dog").index(file.parent.name) for file in chosen]
        images = [file.read_bytes() for file in chosen]
        write_table(path, images, {"label": labels}, classes={"label": ["cat", "dog"]})
    return tmp_path / "table"


def load(path: Path) -> Data:
    return load_data(replace(LAZY, name=str(path)))


def stream() -> torch.Generator:
    return generator(3, "augmentation", 0)


def test_an_image_is_judged_by_the_middle_of_seven_eighths(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(5):
            Image.fromarray(image).save(tmp_path / name / f"{number}.png")

    found = load_data(DataRecipe(str(tmp_path), size=56, lazy=True, validation="1/4"))

    expected = torch.from_numpy(image[4:60, 12:68].transpose(2, 0, 1).copy())
    for part in (found.train, found.validation, found.test):
        assert part.lazy
        for pixels in part.images:
            torch.testing.assert_close(pixels, expected, rtol=0, atol=0)


def test_a_table_gives_the_pixels_of_the_folder(folder: Path, table: Path) -> None:
    one, other = load(folder), load(table)

    assert (len(one.train), len(one.validation), len(one.test)) == (22, 2, 6)
    assert one.mean == other.mean
    for part in ("train", "validation", "test"):
        first, second = getattr(one, part), getattr(other, part)
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.labels, second.labels)
        for name in AUGMENTATIONS:
            changed = [images.changed(slice(1, 5), name, stream()) for images in (first, second)]
            assert torch.equal(*changed)


def test_random_crops_are_cut_out_of_the_whole_photographs(folder: Path) -> None:
    train = load(folder).train
    files = sorted(folder.rglob("*.jpg"))
    middles = [load_data(replace(LAZY, name=str(folder))).train[slice(i, i + 1)] for i in range(3)]
    draws, flips = crop_draws(len(train), stream())

    found = train.changed(slice(None), "resized-crop-flip", stream())

    assert found.shape == (len(train), 3, 14, 14)
    by_middle = {middle.images.numpy().tobytes(): row for row, middle in enumerate(middles)}
    checked = 0
    for file in files:
        with Image.open(file) as image:
            whole = image.convert("RGB")
        live = 7 / 8 * min(whole.size)
        left, top = (whole.width - live) / 2, (whole.height - live) / 2
        middle = whole.resize(
            (14, 14), Image.Resampling.BILINEAR, (left, top, left + live, top + live)
        )
        row = by_middle.get(np.asarray(middle).transpose(2, 0, 1).tobytes())
        if row is None:
            continue
        y, x, tall, wide = boxes(draws[:, row : row + 1], whole.height, whole.width)[0].tolist()
        expected = np.asarray(
            whole.crop((x, y, x + wide, y + tall)).resize((14, 14), Image.Resampling.BILINEAR)
        )
        expected = expected[:, ::-1] if flips[row] else expected
        np.testing.assert_array_equal(found[row].numpy(), expected.transpose(2, 0, 1))
        checked += 1
    assert checked == 3


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_process_makes_its_part_of_the_batch(folder: Path, name: str) -> None:
    train = load(folder).train[torch.tensor([5, 3, 9, 0, 11])]

    whole = train.changed(slice(None), name, stream())

    parts = [train.changed(part, name, stream()) for part in (slice(0, 2), slice(2, 5))]
    assert torch.equal(torch.cat(parts), whole)


def test_nothing_is_decoded_before_it_is_asked_for(folder: Path) -> None:
    data = load_data(replace(LAZY, name=str(folder), normalisation="none"))
    for number, file in enumerate(sorted(folder.rglob("*.jpg"))):
        file.write_bytes(file.read_bytes()[: 100 + number])

    taken = data.train[slice(2, 9)].to("cpu")[torch.arange(3)].labelled(torch.zeros(3).long())

    assert (len(taken), taken.shape) == (3, (3, 14, 14))
    assert "22 of shape" in repr(data.train)
    assert [len(piece) for piece in (data.train, data.test)] == [22, 6]
    with pytest.raises(InputError, match=r"photos/(cat|dog)/\d\d.jpg: not a readable image"):
        taken.images  # noqa: B018


def test_the_same_images_are_known_again_and_others_are_not(folder: Path, table: Path) -> None:
    train = load(folder).train
    same = [train, load(folder).train, train[torch.arange(len(train))]]
    labels = torch.zeros_like(train.labels)
    other = [
        train[slice(1, None)],
        train[torch.arange(len(train)).flip(0)],
        load_data(replace(LAZY, name=str(folder), size=12)).train,
        load(table).train,
    ]

    assert len({images.digest() for images in same}) == 1
    assert len({images.digest() for images in (train, *other)}) == 5
    assert train.digest() == train.labelled(labels).digest()
    assert train.digest(labels=True) != train.labelled(labels).digest(labels=True)
    (folder / "cat/00.jpg").write_bytes((folder / "cat/00.jpg").read_bytes() + b" ")
    assert load(folder).train.digest() != train.digest()


def test_some_classes_and_some_images_can_be_chosen(folder: Path) -> None:
    some = load_data(replace(LAZY, name=str(folder), classes="dog,cat", train_images=10))

    assert some.train.lazy
    assert len(some.train) == 10
    assert torch.equal(some.test.labels, 1 - load(folder).test.labels)


def test_imagenet_is_lazy(folder: Path) -> None:
    assert KNOWN_SETS["imagenet"].lazy
    assert load_data(DataRecipe("imagenet", size=14), place=str(folder)).train.lazy


def test_tables_are_copied_once(table: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(table).train
    [pack] = cache.iterdir()
    before = pack.stat().st_mtime_ns
    again = load(table).train

    assert pack.stat().st_mtime_ns == before
    assert torch.equal(first.images, again.images)
    pack.write_bytes(pack.read_bytes()[:-1])  # as after a copy that was cut off
    assert torch.equal(load(table).train.images, again.images)
    assert [path.name for path in cache.iterdir()] == [pack.name]
    assert torch.equal(first.images, again.images)  # those who read it go on


def test_a_cache_folder_that_cannot_be_used_is_one_line(table: Path, cache: Path) -> None:
    cache.write_text("a file where the folder should be")

    with pytest.raises(InputError, match=r"the cache folder .* cannot be used \(.*\): lazy data"):
        load(table)


def error_of(path: Path) -> str:
    """Return what is said when everything is loaded and decoded."""
    with pytest.raises(InputError) as caught:
        data = load_data(replace(LAZY, name=str(path), normalisation="none"))
        for part in (data.train, data.validation, data.test):
            part.images  # noqa: B018
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bad_images_are_named(
    folder: Path, table: Path, photographs: list[Array], write_table: Callable[..., Path]
) -> None:
    victim = folder / "cat/03.jpg"
    content = victim.read_bytes()
    victim.write_bytes(content[:-200])
    assert f"{victim}: not a readable image (" in error_of(folder)
    bomb = Image.new("1", (20_000, 20_000))
    bomb.save(victim, "png")
    assert f"{victim}: not a readable image (Image size (400000000 pixels) exc" in error_of(folder)
    assert "could be decompression bomb" in error_of(folder)
    victim.unlink()
    path = table / "train-00001-of-00002.parquet"
    write_table(path, [*photographs[:9], content[:-200]], {"label": [0, 1] * 5})
    path.rename(table / "train.parquet")
    (table / "train-00000-of-00002.parquet").unlink()
    assert "train.parquet, row 9 (counted from 0): not a readable image" in error_of(table)


def test_bad_tables_are_named(
    tmp_path: Path, photographs: list[Array], write_table: Callable[..., Path]
) -> None:
    path = tmp_path / "table/train.parquet"
    write_table(path, photographs, {"label": [*[0, 1] * 14, 0, 7]}, classes={"label": ["a", "b"]})
    assert f"{path}, row 29 (counted from 0): label 7 is out of range" in error_of(path.parent)
    write_table(path, photographs, {"label": [0, 1] * 15})
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(len(content) // 2) + content[4 + len(content) // 2 :])
    assert f"{path}: not a readable Parquet file" in error_of(path.parent)
    path.write_bytes(content[:-10])
    assert f"{path}: not a readable Parquet file" in error_of(path.parent)


def test_what_is_not_encoded_cannot_be_lazy(tmp_path: Path, photographs: list[Array]) -> None:
    pairs = [(photograph, number % 2) for number, photograph in enumerate(photographs)]
    with pytest.raises(InputError, match="mine cannot be lazy; only image folders and Parq"):
        gather(pairs, name="mine", recipe=LAZY)
    with pytest.raises(InputError, match="digits cannot be lazy"):
        load_data(replace(LAZY, name="digits"))
    path = tmp_path / "data.npz"
    np.savez(path, images=np.zeros((30, 8, 8, 3), np.uint8), labels=np.arange(30) % 2)
    with pytest.raises(InputError, match=r"row 0 \(counted from 0\): lazy needs encoded images"):
        load(path)
