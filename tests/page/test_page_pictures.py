"""Uploads: bounded before they are decoded, and made what a ticket takes."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
import torch
from PIL import Image

from scratchticket.base.errors import InputError
from scratchticket.page import MAX_BYTES, picture


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    content = BytesIO()
    image.save(content, kind)
    return content.getvalue()


def header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = struct.pack(">I", zlib.crc32(chunk))
    pixels = struct.pack(">I", 100) + b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + end + pixels


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 6, 10)])
def test_any_picture_gets_the_shape_of_the_tickets_images(
    mode: str, shape: tuple[int, int, int]
) -> None:
    pixels = picture(encoded(Image.new(mode, (40, 30))), shape)

    assert tuple(pixels.shape) == shape
    assert pixels.dtype == torch.uint8


def test_the_middle_is_kept() -> None:
    image = Image.new("L", (30, 10), 0)
    image.paste(200, (10, 0, 20, 10))

    pixels = picture(encoded(image), (1, 5, 5))

    assert (pixels[:, :, 1:-1] == 200).all()
    assert (pixels > 150).all()  # at the seams neighbours are mixed in


def test_dark_and_light_are_exchanged() -> None:
    image = encoded(Image.new("L", (8, 8), 250))

    assert (picture(image, (1, 8, 8), invert=True) == 5).all()


def drawing(mode: str) -> tuple[Image.Image, dict[str, object]]:
    """Black in the middle, transparent around it; and how the file says what is transparent."""
    around: dict[str, object] = {"RGBA": (0, 0, 0, 0), "LA": (0, 0), "P": 1, "RGB": (9, 9, 9)}
    black: dict[str, object] = {"RGBA": (0, 0, 0, 255), "LA": (0, 255), "P": 0, "RGB": (0, 0, 0)}
    image = Image.new(mode, (8, 8), around[mode])
    if mode == "P":
        image.putpalette([0, 0, 0, 9, 9, 9])
    image.paste(black[mode], (2, 2, 6, 6))
    return image, {} if "A" in mode else {"transparency": around[mode]}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_black_drawing_on_a_transparent_ground_is_black_on_white(
    mode: str, channels: int
) -> None:
    image, how = drawing(mode)
    content = BytesIO()
    image.save(content, "PNG", **how)

    pixels = picture(content.getvalue(), (channels, 8, 8))

    expected = torch.full((channels, 8, 8), 255, dtype=torch.uint8)
    expected[:, 2:6, 2:6] = 0
    assert (pixels == expected).all()


def test_what_is_half_transparent_is_half_white() -> None:
    pixels = picture(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 127))), (1, 8, 8))

    assert (pixels == 128).all()


@pytest.mark.parametrize("size", [(4097, 1), (1, 5000), (10_000, 10_000), (60_000, 60_000)])
def test_large_pictures_are_refused_by_their_header(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="the limit is 4096 x 4096"):
        picture(header(*size), (1, 8, 8))


def test_large_files_are_refused() -> None:
    with pytest.raises(InputError, match="the limit is 5,242,880"):
        picture(bytes(MAX_BYTES + 1), (1, 8, 8))


@pytest.mark.parametrize(
    "content", [b"", b"text", header(8, 8), encoded(Image.new("L", (99, 99)))[:60], b"%!PS-Adobe"]
)
def test_what_is_no_picture_is_refused_in_a_line(content: bytes) -> None:
    with pytest.raises(InputError, match="not a readable image") as refused:
        picture(content, (1, 8, 8))

    assert "\n" not in str(refused.value)
