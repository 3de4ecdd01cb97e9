"""Decode a stored image to pixels, with colour conversion and resizing."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile
from torch import Tensor

from scratchticket.base.errors import InputError
from scratchticket.base.files import read_bytes
from scratchticket.data.recipe import Colour, DataRecipe

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # no decoder runs a program
MAX_PIXELS = 1 << 26  # of one image: 200 MB in colour
MAX_BYTES = 1 << 30  # of one file
Pixels = npt.NDArray[np.uint8]
_BLEED = 1 / 16  # fraction cut off at each side, which leaves 7/8: 224 of 256 pixels
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV")
Picture = bytes | str | Path | Image.Image | npt.NDArray[Any] | Tensor | None
_DEEP = re.compile(r";16[LBN]$")  # end of PIL's raw modes for 16-bit pixels
_SIZE = "give --size (size in Python) to resize all images"
_COLOUR = "give --colour rgb or grey (colour in Python) to"


def decoded(picture: Picture, recipe: DataRecipe, shape: tuple[int, ...] | None = None) -> Pixels:
    """Return the pixels of one stored image.

    Args:
        picture: An encoded image, as bytes or as the path of a file (a ``Path`` or text); or a
            decoded image: a PIL image, or an array or tensor with the channels first or last, or
            without a channel axis if it is grey.
        recipe: Provides ``colour``, ``size`` and ``lazy``.
        shape: Required shape of the pixels: that of the first training image.

    Returns:
        uint8, ``(channel, height, width)``, one or three channels.

    Raises:
        InputError: If the image cannot be read, has another shape than required, or can only be
            used with a ``colour`` that the recipe does not set. The message does not name the
            image; the caller adds the name.
    """
    image = photograph(picture, recipe.colour)
    if recipe.size is not None:
        square = (recipe.size, recipe.size)
        image = ImageOps.fit(image, square, Image.Resampling.BILINEAR, bleed=_BLEED * recipe.lazy)
    return pixels_of(image, shape)


def photograph(picture: Picture, colour: Colour) -> Image.Image:
    """Return a decoded image in mode L or RGB, in its original size, upright.

    All images are decoded here. The EXIF orientation is applied to files and PIL images alike.
    Transparent pixels are composited on white.

    Raises:
        InputError: As :func:`decoded` does.
    """
    return _coloured(_opened(picture), colour)


def pixels_of(image: Image.Image, shape: tuple[int, ...] | None) -> Pixels:
    """Return the pixels of an image in mode L or RGB; see :func:`decoded`.

    Raises:
        InputError: If the image does not have the required shape.
    """
    array = np.asarray(image)
    pixels: Pixels = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    if shape is not None and pixels.shape != shape:
        raise _unlike(pixels.shape, shape)
    return pixels


def _unlike(shape: tuple[int, ...], first: tuple[int, ...]) -> InputError:
    """Return the error for an image whose shape differs from the first one's."""
    if shape[0] != first[0]:
        kinds = {1: "grey", 3: "in colour"}
        return InputError(
            f"the image is {kinds[shape[0]]}, but the first training image is {kinds[first[0]]}; "
            f"{_COLOUR} convert all images"
        )
    return InputError(
        f"the image is {shape[1]} pixels high and {shape[2]} wide, but the first training image is "
        f"{first[1]} high and {first[2]} wide; {_SIZE}"
    )


def _opened(picture: Picture) -> Image.Image:
    """Return a decoded PIL image, upright."""
    if picture is None:
        raise InputError("there is no image")
    if isinstance(picture, (np.ndarray, Tensor)):
        plain = picture.detach().cpu() if isinstance(picture, Tensor) else picture
        return Image.fromarray(_channels_last(np.asarray(plain)))
    if not isinstance(picture, (bytes, str, Path, Image.Image)):
        raise InputError(f"not an image: {type(picture).__name__}")
    try:
        image = picture if isinstance(picture, Image.Image) else _file(picture)
        _check_whole(image)
        image.load()
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return ImageOps.exif_transpose(image) if turned else image
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"not a readable image (accepted: {', '.join(FORMATS)})") from None
    except Exception as error:  # decoders of damaged files raise anything
        raise InputError(f"not a readable image ({' '.join(str(error).split())})") from None


def _file(picture: bytes | str | Path) -> Image.Image:
    """Open an encoded image without decoding its pixels."""
    if not isinstance(picture, bytes):
        picture = read_bytes(Path(picture), "image", MAX_BYTES)
    image = Image.open(BytesIO(picture), formats=FORMATS)
    if not 0 < image.width * image.height <= MAX_PIXELS:  # checked before decoding takes memory
        size = f"{image.width} x {image.height}"
        raise InputError(f"the image has {size} pixels, more than {MAX_PIXELS:,}")
    return image


def _check_whole(image: Image.Image) -> None:
    """Raise an error if decoding would drop bits or frames.

    A JPEG that also contains other pictures (format MPO: a preview, a gain map) is accepted; only
    its first picture is used.
    """
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise InputError("the image has several frames; store each as an image of its own")
    # Arguments of the decoder, which PIL drops after decoding.
    modes = [tile[3] for tile in getattr(image, "tile", ())]
    parts = [part for one in modes for part in (one if isinstance(one, tuple) else (one,))]
    deep = any(isinstance(part, str) and _DEEP.search(part) for part in parts)
    if image.format == "PPM":
        deep |= any(isinstance(part, int) and part > 255 for part in parts)  # largest pixel value
    elif isinstance(image, TiffImageFile):
        deep |= max(image.tag_v2.get(ExifTags.Base.BitsPerSample, (8,))) > 8
    if deep:
        raise InputError("16-bit pixels are not supported; convert them to 8-bit grey or RGB")


def _coloured(image: Image.Image, colour: Colour) -> Image.Image:
    """Return the image in mode L or RGB."""
    if image.mode not in _MODES:  # 16 bits, for example
        raise InputError(
            f"pixels of mode {image.mode} are not supported; convert them to 8-bit grey or RGB"
        )
    plain = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        if layer.getchannel("A").getextrema() != (255, 255):
            if colour == "keep":
                raise InputError(f"the image is transparent; {_COLOUR} put it on white")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), layer)
    elif colour == "keep" and image.mode not in ("1", "L", "RGB", "P"):
        raise InputError(f"the image has PIL mode {image.mode}; {_COLOUR} convert all images")
    return image.convert({"keep": plain, "rgb": "RGB", "grey": "L"}[colour])


def _channels_last(array: npt.NDArray[Any]) -> Pixels:
    """Return an array in any layout as uint8, ``(height, width)`` or ``(height, width, 3)``."""
    if array.ndim == 3:
        first, last = array.shape[0] in (1, 3), array.shape[2] in (1, 3)
        if first == last:
            raise InputError(
                f"an array of shape {array.shape} is not an image: "
                "expected (height, width), or (height, width, channel) or (channel, height, width) "
                "where only the channel axis has size 1 or 3"
            )
        array = array.transpose(1, 2, 0) if first else array
        array = array[:, :, 0] if array.shape[2] == 1 else array
    if array.ndim not in (2, 3) or array.size == 0:
        raise InputError(
            f"an array of shape {array.shape} is not an image: expected 2 or 3 axes, none of size 0"
        )
    return np.ascontiguousarray(_eight_bits(array))


def _eight_bits(array: npt.NDArray[Any]) -> Pixels:
    """Return uint8 pixels; floats are accepted if they are uint8 / 255, as from ``ToTensor``."""
    if np.issubdtype(array.dtype, np.floating):
        pixels = np.rint(array * 255)
        if (np.abs(array * 255 - pixels) <= 0.01).all() and ((pixels >= 0) & (pixels < 256)).all():
            return np.asarray(pixels, dtype=np.uint8)
        raise InputError("float pixels must be multiples of 1/255 from 0 to 1; give uint8")
    if array.dtype != np.uint8:
        raise InputError(f"pixels must be uint8 from 0 to 255, got {array.dtype}")
    return array
