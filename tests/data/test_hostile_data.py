"""Data that somebody made to mislead: one line that names the file, and no memory taken for it."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scratchticket.base.errors import InputError
from scratchticket.base.rng import Array
from scratchticket.data import DataRecipe, gather, load_data
from scratchticket.data.decoding import decoded

GREY = DataRecipe(colour="grey", size=8)


def png(width: int, height: int, pixels: bytes = b"") -> bytes:
    """Return a PNG that says it has this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    ends = chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + ends


def refused(path: Path, *words: str, **recipe: Any) -> str:
    """Return the one line that loading ends in; it names these."""
    with pytest.raises(InputError) as caught:
        load_data(DataRecipe(str(path), **recipe))
    for word in words:
        assert word in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (png(50_000, 50_000), "exceeds limit|pixels, more than"),
        (png(9_000, 9_000), "9000 x 9000 pixels, more than 67,108,864"),
        (png(8, 8), "not a readable image"),
        (png(0, 8), "accepted: PNG, JPEG"),
        (b"P6 0 0 255\n", "accepted: PNG, JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "accepted: PNG, JPEG"),
    ],
    ids=["bomb", "large", "empty", "flat", "ppm", "program"],
)
def test_an_image_of_too_many_or_no_pixels_is_no_image(content: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        decoded(content, GREY)

    assert len(str(caught.value).splitlines()) == 1


def test_an_image_that_needs_a_program_to_be_decoded_is_not_opened(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "EPS")

    with pytest.raises(InputError, match="not a readable image"):
        decoded(file.getvalue(), GREY)


@pytest.fixture
def photos(tmp_path: Path, pictures: Array, encode: Callable[..., bytes]) -> Path:
    """Return an image folder of two classes."""
    for number, picture in enumerate(pictures[:20]):
        folder = tmp_path / "photos" / ("ab"[number % 2])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(encode(picture))
    return tmp_path / "photos"


def test_a_link_out_of_the_folder_is_refused_and_one_inside_followed(
    photos: Path, tmp_path: Path, pictures: Array, encode: Callable[..., bytes]
) -> None:
    link = photos / "a" / "more.png"
    link.symlink_to(photos / "b" / "1.png")
    assert len(load_data(photos).train) == 15

    private = tmp_path / "private.png"
    private.write_bytes(encode(pictures[30]))
    link.unlink()
    link.symlink_to(private)
    refused(photos, "a/more.png is, or is reached through, a link that leads out of")


def test_a_class_that_is_a_link_out_of_the_folder_is_refused(photos: Path, tmp_path: Path) -> None:
    (photos / "b").rename(tmp_path / "elsewhere")
    (photos / "b").symlink_to(tmp_path / "elsewhere")

    refused(photos, "photos/b is, or is reached through, a link that leads out of")


def test_a_folder_may_be_reached_by_a_link(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(photos)

    assert load_data(tmp_path / "link").classes == ("a", "b")


def test_a_link_in_a_circle_or_to_nothing_is_one_line(photos: Path) -> None:
    (photos / "a" / "x.png").symlink_to("x.png")
    refused(photos, "x.png")
    (photos / "a" / "x.png").unlink()
    (photos / "a" / "x.png").symlink_to("nothing.png")
    refused(photos, "x.png")


def test_a_pipe_among_the_images_is_refused_not_waited_for(photos: Path) -> None:
    os.mkfifo(photos / "a" / "pipe.png")

    refused(photos, "pipe.png")


def test_a_class_of_many_digits_is_a_class(pictures: Array) -> None:
    names = ["9" * 5000, "10" * 3000]

    data = gather([(picture, names[i % 2]) for i, picture in enumerate(pictures)])

    assert set(data.classes) == set(names)


def npz(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("images", "labels"):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": (300 << 20,)}
                np.lib.format.write_array_header_1_0(file, header)  # type: ignore[arg-type]
                for _ in range(150):
                    file.write(bytes(1 << 20))

    refused(path, "bomb.npz", "would unpack to 314,")


@pytest.mark.parametrize("name", ["objects", "text", "shape", "negative", "name"])
def test_arrays_of_other_things_are_one_line(tmp_path: Path, name: str) -> None:
    images = np.zeros((60, 8, 8), np.uint8)
    labels = np.array([0, 1] * 30)
    changed: dict[str, dict[str, Any]] = {
        "objects": {"labels": np.array([0, {}] * 30, dtype=object)},
        "text": {"images": np.array(["x"] * 60)},
        "shape": {"images": np.zeros((60, 0, 8), np.uint8)},
        "negative": {"labels": labels - 5},
        "name": {"../../labels": labels, "labels": labels[:50]},
    }
    path = npz(tmp_path / "odd.npz", **{"images": images, "labels": labels} | changed[name])

    refused(path, "odd.npz")
    assert sorted(file.name for file in tmp_path.iterdir() if file.suffix == ".npz") == ["odd.npz"]


def test_a_header_that_claims_more_than_there_is_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "claims.npz"
    with zipfile.ZipFile(path, "w") as archive:
        file = io.BytesIO()
        header = {"descr": "<i8", "fortran_order": False, "shape": (1 << 50,)}
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[arg-type]
        for name in ("images", "labels"):
            archive.writestr(f"{name}.npy", file.getvalue())

    refused(path, "claims.npz")


def test_parquet_of_more_rows_than_bytes_is_refused(
    tmp_path: Path, write_table: Callable[..., Path], encode: Callable[..., bytes]
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    pa = pytest.importorskip("pyarrow")
    picture = encode(np.zeros((8, 8), np.uint8))
    labels = pa.array(np.zeros(1 << 20, np.int64))
    images = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1 << 20, np.int32)), [picture])
    path = tmp_path / "many.parquet"
    parquet.write_table(pa.table({"image": images.cast(pa.binary()), "label": labels}), path)

    refused(path, "many.parquet", "1,048,576 rows")


def test_parquet_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "bomb.parquet"
    images = pa.array([bytes(50 << 20) + bytes([n]) for n in range(6)], pa.binary())
    table = pa.table({"image": images, "label": list(range(6))})
    parquet.write_table(table, path, compression="zstd", use_dictionary=False)

    refused(path, "bomb.parquet", "would unpack to")


@pytest.mark.parametrize(
    "told", ["[" * 10**5, '{"info": {"features": [1]}}', '{"info": 1}', "NaN", '{"a":1,"a":2}']
)
def test_parquet_whose_class_names_are_no_json_has_none(
    tmp_path: Path, write_table: Callable[..., Path], pictures: Array, told: str
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = write_table(tmp_path / "d.parquet", list(pictures[:20]), {"label": [0, 1] * 10})
    table = parquet.read_table(path).replace_schema_metadata({"huggingface": told})
    parquet.write_table(table, path)

    assert load_data(path).classes == ("0", "1")
