"""Conversion of an uploaded image to a ticket's input."""

from __future__ import annotations

from io import BytesIO

import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from scratchticket.base.errors import InputError, first_line
from scratchticket.data.decoding import FORMATS, photograph, pixels_of

MAX_BYTES = 5 * 2**20  # largest upload
MAX_SIDE = 4096  # largest width or height, in pixels


def picture(content: bytes, shape: tuple[int, int, int], *, invert: bool = False) -> Tensor:
    """Return an uploaded image as the input of a ticket.

    The image is converted to grey or RGB, cropped around its centre to the aspect ratio of
    ``shape``, and resized bilinearly. The background of transparent pixels is white.

    Args:
        content: Content of the file, at most 5 MiB.
        shape: ``(channel, height, width)`` of the ticket's images, one channel or three.
        invert: Invert brightness, as for dark ink on paper if the ticket expects light digits.

    Returns:
        uint8, of that shape.

    Raises:
        InputError: If the image is too large, damaged, in an unknown format, or has several frames.
    """
    if len(content) > MAX_BYTES:
        raise InputError(f"the file has {len(content):,} bytes; the limit is {MAX_BYTES:,}")
    _check_size(content)
    channels, height, width = shape
    image = photograph(content, "grey" if channels == 1 else "rgb")
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(pixels_of(fitted, shape).copy())
    return 255 - pixels if invert else pixels


def _check_size(content: bytes) -> None:
    """Refuse, before decoding, an image whose header is unreadable or says it is too large."""
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
    except UnidentifiedImageError:
        raise InputError(f"not a readable image (accepted: {', '.join(FORMATS)})") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(_too_large("too many pixels")) from None
    except Exception as error:  # headers of damaged files raise anything
        raise InputError(f"not a readable image ({first_line(error)})") from None
    if max(width, height) > MAX_SIDE:
        raise InputError(_too_large(f"{width} x {height} pixels"))


def _too_large(size: str) -> str:
    return f"the image has {size}; the limit is {MAX_SIDE} x {MAX_SIDE}"
