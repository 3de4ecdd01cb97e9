"""One image becomes uint8 pixels, or a line that says why it does not."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image, ImageOps

from scratchticket.base.errors import InputError
from scratchticket.base.rng import Array
from scratchticket.data.decoding import decoded
from scratchticket.data.recipe import DataRecipe

KEEP, RGB, GREY = (DataRecipe(colour=colour) for colour in ("keep", "rgb", "grey"))


@pytest.mark.parametrize("kind", ["png", "webp", "bmp", "tiff"])
def test_lossless_images_keep_every_pixel(
    kind: str, pictures: Array, encode: Callable[..., bytes]
) -> None:
    options = {"lossless": True} if kind == "webp" else {}

    pixels = decoded(encode(pictures[0], kind, **options), KEEP)

    np.testing.assert_array_equal(pixels, pictures[0].transpose(2, 0, 1))


def test_arrays_and_tensors_are_read_in_every_unambiguous_layout(pictures: Array) -> None:
    image = pictures[0]
    expected = image.transpose(2, 0, 1)
    floats = torch.from_numpy(expected.copy()) / 255  # what ToTensor makes
    for given_image in (image, expected, torch.from_numpy(image), floats, Image.fromarray(image)):
        np.testing.assert_array_equal(decoded(given_image, KEEP), expected)
    for grey in (image[:, :, 0], image[:, :, :1], image[None, :, :, 0]):
        np.testing.assert_array_equal(decoded(grey, KEEP), expected[:1])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 8, 3), np.uint8), "only the channel axis has size 1 or 3"),
        (np.zeros((8, 8, 4), np.uint8), "only the channel axis has size 1 or 3"),
        (np.zeros(8, np.uint8), "is not an image"),
        (np.zeros((0, 8), np.uint8), "is not an image"),
        (np.zeros((8, 8), np.int64), "pixels must be uint8 from 0 to 255, got int64"),
        (np.full((8, 8), 0.5001), "float pixels must be multiples of 1/255"),
        (np.full((8, 8), 2.0), "float pixels must be multiples of 1/255"),
        (np.full((8, 8), np.nan), "float pixels must be multiples of 1/255"),
        (np.full((8, 8), None), "pixels must be uint8 from 0 to 255, got object"),
        (b"", "not a readable image"),
        (None, "there is no image"),
        (7, "not an image: int"),
    ],
)
def test_what_is_no_image_is_refused(array: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decoded(array, KEEP)


@given(some.data())
def test_a_truncated_file_is_one_line(data: some.DataObject) -> None:
    content = _ENCODED[data.draw(some.sampled_from(sorted(_ENCODED)))]
    length = data.draw(some.integers(0, len(content) // 2))

    with pytest.raises(InputError, match="not a readable image") as caught:
        decoded(content[:length], KEEP)

    assert "\n" not in str(caught.value)


def test_grey_and_colour_are_kept_or_converted(
    pictures: Array, encode: Callable[..., bytes]
) -> None:
    colour, grey = encode(pictures[0]), encode(pictures[0][:, :, 0])

    assert decoded(colour, KEEP).shape == (3, 8, 8)
    assert decoded(grey, KEEP).shape == (1, 8, 8)
    np.testing.assert_array_equal(decoded(grey, RGB), np.repeat(decoded(grey, KEEP), 3, axis=0))
    assert decoded(colour, GREY).shape == (1, 8, 8)


def test_a_palette_is_looked_up(pictures: Array, encode: Callable[..., bytes]) -> None:
    few = Image.fromarray(pictures[0]).quantize(16)

    expected = np.asarray(few.convert("RGB")).transpose(2, 0, 1)

    np.testing.assert_array_equal(decoded(encode(few), KEEP), expected)


def test_black_and_white_is_grey(encode: Callable[..., bytes]) -> None:
    half = np.zeros((8, 8), np.uint8)
    half[4:] = 255

    pixels = decoded(encode(Image.fromarray(half).convert("1")), KEEP)

    np.testing.assert_array_equal(pixels, half[None])


def test_an_opaque_alpha_channel_is_dropped_and_a_transparent_one_refused(
    pictures: Array, encode: Callable[..., bytes]
) -> None:
    image = Image.fromarray(pictures[0])
    image.putalpha(255)
    assert decoded(encode(image), KEEP).shape == (3, 8, 8)

    image.putalpha(254)
    with pytest.raises(InputError, match="transparent; give --colour rgb or grey"):
        decoded(encode(image), KEEP)
    assert decoded(encode(image), RGB).shape == (3, 8, 8)


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "RGB"])
@pytest.mark.parametrize("recipe", [RGB, GREY])
def test_what_is_transparent_is_white(
    kind: str, recipe: DataRecipe, encode: Callable[..., bytes]
) -> None:
    """A black drawing on clear ground, whose hidden pixels are black too."""
    alpha = np.zeros((8, 8), np.uint8)
    alpha[2:4] = 255
    if kind == "P":
        image = Image.fromarray(np.minimum(alpha, 1))
        image.putpalette([0] * 6)
        image.info["transparency"] = 0
    elif kind == "RGB":  # one colour stands for clear
        image = Image.fromarray(np.repeat(np.minimum(alpha, 1)[:, :, None], 3, axis=2))
        image.info["transparency"] = (0, 0, 0)
    else:
        image = Image.new(kind, (8, 8))
        image.putalpha(Image.fromarray(alpha))

    for picture in (image, encode(image)):
        pixels = decoded(picture, recipe)

        assert pixels.shape == ((3, 8, 8) if recipe is RGB else (1, 8, 8))
        assert (np.abs(pixels.astype(int) - (255 - alpha)) <= 1).all()


def test_half_transparent_is_half_white_and_opaque_is_itself(pictures: Array) -> None:
    image = Image.fromarray(pictures[0])
    image.putalpha(255)
    np.testing.assert_array_equal(decoded(image, RGB), pictures[0].transpose(2, 0, 1))

    image.putalpha(51)  # a fifth
    expected = 255 - (255 - pictures[0].transpose(2, 0, 1).astype(float)) / 5
    assert np.abs(decoded(image, RGB) - expected).max() <= 1


def test_other_colour_spaces_need_a_choice(pictures: Array, encode: Callable[..., bytes]) -> None:
    cmyk = encode(Image.fromarray(pictures[0]).convert("CMYK"), "jpeg")

    with pytest.raises(InputError, match="the image has PIL mode CMYK; give --colour rgb or grey"):
        decoded(cmyk, KEEP)
    assert decoded(cmyk, RGB).shape == (3, 8, 8)


def png_of_16_bits(image: Array) -> bytes:
    """Encode an image of 1 to 4 channels of 16 bits, which the image library cannot write."""
    height, width, channels = image.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in image)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def tiff_of_16_bits(image: Array) -> bytes:
    """Encode a colour image of 16 bits as TIFF, which the image library cannot write either."""
    height, width, _ = image.shape
    values = 8 + 2 + 8 * 12 + 4  # where what fits into no entry lies
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, values), (259, 3, 1, 1)]
    entries += [(262, 3, 1, 2), (273, 4, 1, values + 6), (277, 3, 1, 3), (279, 4, 1, image.nbytes)]
    told = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries))
    return head + told + bytes(4) + struct.pack("<HHH", 16, 16, 16) + image.tobytes()


DEEP = np.random.default_rng(2).integers(0, 1 << 16, (8, 8, 4), dtype=np.uint16)
SIXTEEN = {f"png {n}": png_of_16_bits(DEEP[:, :, :n]) for n in (1, 2, 3, 4)} | {
    "ppm": b"P6\n8 8\n65535\n" + DEEP[:, :, :3].astype(">u2").tobytes(),
    "tiff": tiff_of_16_bits(DEEP[:, :, :3].copy()),
}


@pytest.mark.parametrize("recipe", [KEEP, RGB, GREY])
@pytest.mark.parametrize("content", SIXTEEN.values(), ids=SIXTEEN.keys())
def test_sixteen_bits_are_refused(content: bytes, recipe: DataRecipe) -> None:
    for picture in (content, Image.open(io.BytesIO(content))):
        with pytest.raises(InputError, match="16-bit pixels are not supported; convert"):
            decoded(picture, recipe)
    with pytest.raises(InputError, match="pixels of mode I;16 are not supported"):
        decoded(Image.fromarray(DEEP[:, :, 0]), recipe)


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tiff"])
def test_frames_are_not_dropped(kind: str, pictures: Array, encode: Callable[..., bytes]) -> None:
    more = [Image.fromarray(picture) for picture in pictures[1:3]]
    content = encode(pictures[0], kind, save_all=True, append_images=more)

    for picture in (content, Image.open(io.BytesIO(content))):
        with pytest.raises(InputError, match="several frames; store each as an image"):
            decoded(picture, RGB)
    assert decoded(encode(pictures[0], kind, save_all=True), RGB).shape == (3, 8, 8)
    assert decoded(Image.open(io.BytesIO(content)).copy(), RGB).shape == (3, 8, 8)


def test_a_preview_behind_a_photograph_is_no_frame(
    pictures: Array, encode: Callable[..., bytes]
) -> None:
    preview = [Image.fromarray(pictures[1])]

    pixels = decoded(encode(pictures[0], "mpo", save_all=True, append_images=preview), KEEP)

    np.testing.assert_array_equal(pixels, decoded(encode(pictures[0], "jpeg"), KEEP))


def test_a_photograph_taken_sideways_is_turned_upright(
    tmp_path: Path, encode: Callable[..., bytes]
) -> None:
    image = Image.fromarray(np.arange(32, dtype=np.uint8).reshape(4, 8))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned clockwise
    path = tmp_path / "sideways.png"
    path.write_bytes(encode(image, exif=exif))

    for picture in (path.read_bytes(), path, str(path), np.str_(path), Image.open(path)):
        pixels = decoded(picture, KEEP)

        np.testing.assert_array_equal(pixels[0], np.rot90(np.asarray(image), -1))
    upright = ImageOps.exif_transpose(Image.open(path))
    np.testing.assert_array_equal(decoded(upright, KEEP), pixels)


def test_size_crops_the_middle_and_scales_it() -> None:
    stripes = np.repeat(np.array([0, 0, 60, 60, 200, 200, 0, 0], np.uint8)[None], 4, axis=0)

    pixels = decoded(stripes, DataRecipe(size=2))

    assert pixels.shape == (1, 2, 2)
    assert (pixels[0, :, 0] < pixels[0, :, 1]).all()
    np.testing.assert_array_equal(decoded(stripes, DataRecipe(size=4))[0], stripes[:, 2:6])


def test_an_image_unlike_the_first_one_says_how_it_differs(pictures: Array) -> None:
    with pytest.raises(InputError, match="is grey, but the first training image is in colour"):
        decoded(pictures[0][:, :, 0], KEEP, (3, 8, 8))
    with pytest.raises(
        InputError, match="is 8 pixels high and 6 wide, .* 8 high and 8 wide; give --size"
    ):
        decoded(pictures[0][:, :6], KEEP, (3, 8, 8))


def _encoded_examples() -> dict[str, bytes]:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    found = {}
    for kind in ("png", "jpeg", "webp", "gif", "bmp", "tiff"):
        file = io.BytesIO()
        image.save(file, kind)
        found[kind] = file.getvalue()
    return found


_ENCODED = _encoded_examples()
