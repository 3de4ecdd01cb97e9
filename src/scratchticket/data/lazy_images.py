"""Image sets whose images stay encoded and are decoded at each access."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from scratchticket.base.cores import usable_cores
from scratchticket.base.errors import InputError
from scratchticket.data.augmentation import augmented, boxes, crop_draws
from scratchticket.data.decoding import Picture, Pixels, decoded, photograph, pixels_of
from scratchticket.data.imageset import ImageSet
from scratchticket.data.recipe import DataRecipe


@dataclass(frozen=True, eq=False)
class EncodedImages:
    """Encoded images that can be read in any order.

    Attributes:
        at: Function from row to encoded image.
        where: Function from row to the image's name, for error messages.
        recipe: How images are prepared.
        identity: Hash that identifies the images.
    """

    at: Callable[[int], Picture]
    where: Callable[[int], str]
    recipe: DataRecipe
    identity: str

    def pixels(self, row: int, shape: tuple[int, ...] | None = None) -> Pixels:
        """Return the pixels of an image for evaluation; see :func:`decoded`.

        Raises:
            InputError: If the image cannot be used; the message names it.
        """
        return self._decode_named(row, lambda: decoded(self.at(row), self.recipe, shape))

    def crop(self, row: int, shape: tuple[int, ...], draws: Tensor, flip: bool) -> Pixels:
        """Return the pixels of an image for training: a random crop, resized.

        Args:
            row: Row of the image.
            shape: Shape that the pixels must have.
            draws: Random numbers for this image, ``(4, trials)``; see :func:`crop_draws`.
            flip: Whether to flip the image horizontally.

        Raises:
            InputError: If the image cannot be used; the message names it.
        """
        return self._decode_named(row, lambda: self._crop(row, shape, draws, flip))

    def _crop(self, row: int, shape: tuple[int, ...], draws: Tensor, flip: bool) -> Pixels:
        image = photograph(self.at(row), self.recipe.colour)
        top, left, tall, wide = boxes(draws[:, None], image.height, image.width)[0].tolist()
        image = image.crop((left, top, left + wide, top + tall))
        image = image.resize((shape[2], shape[1]), Image.Resampling.BILINEAR)
        if flip:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return pixels_of(image, shape)

    def _decode_named(self, row: int, decode: Callable[[], Pixels]) -> Pixels:
        """Return the result of ``decode``; add the image's name to an InputError."""
        try:
            return decode()
        except InputError as error:
            raise InputError(f"{self.where(row)}: {error}") from None


class LazyImageSet(ImageSet):
    """An image set that decodes its images at each access, and so needs little memory.

    ``images`` decodes the whole set, with one thread per processor. To decode a part of it, select
    the part first: ``photographs[slice(0, 64)].images``.

    Args:
        encoded: The encoded images.
        rows: int64, ``(n,)``: the rows of ``encoded`` in the set.
        labels: int64, ``(n,)``. Decoded pixels are moved to the device of the labels.
        shape: ``(channel, height, width)`` of the decoded images.
    """

    lazy: ClassVar[bool] = True

    def __init__(
        self, encoded: EncodedImages, rows: Tensor, labels: Tensor, shape: tuple[int, int, int]
    ) -> None:
        if len(rows) == 0:
            raise InputError("an image set must hold at least one image")
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "_encoded", encoded)
        object.__setattr__(self, "_rows", rows)
        object.__setattr__(self, "_shape", shape)

    _encoded: EncodedImages
    _rows: Tensor
    _shape: tuple[int, int, int]

    @property
    def images(self) -> Tensor:
        """uint8, ``(n, channel, height, width)``, decoded at this access."""
        decoded = _decode_parallel(
            lambda row: self._encoded.pixels(row, self._shape), self._rows.tolist()
        )
        return decoded.to(self.labels.device)

    def __repr__(self) -> str:
        return f"LazyImageSet({len(self)} of shape {self._shape})"

    def __getitem__(self, index: Tensor | slice) -> LazyImageSet:
        """Return the selected images as a new set, without decoding them."""
        rows = index.cpu() if isinstance(index, Tensor) else index
        return LazyImageSet(self._encoded, self._rows[rows], self.labels[index], self._shape)

    def to(self, device: torch.device | str) -> LazyImageSet:
        """Return the set with labels and decoded images on another device."""
        return self.labelled(self.labels.to(device))

    def labelled(self, labels: Tensor) -> LazyImageSet:
        """Return the same images with other labels."""
        return LazyImageSet(self._encoded, self._rows, labels, self._shape)

    def changed(self, part: slice, augmentation: str, generator: torch.Generator) -> Tensor:
        """Return a slice of the images, randomly augmented; see :meth:`ImageSet.changed`.

        Random crops are cut from the stored images, before any resizing.
        """
        selected, whole = self[part], len(self)
        if augmentation != "resized-crop-flip":
            return augmented(selected.images, augmentation, generator, part=part, whole=whole)
        draws, flips = crop_draws(whole, generator)
        rows, draws = selected._rows.tolist(), draws[:, part]
        flipped: list[bool] = flips[part].tolist()

        def crop(place: int) -> Pixels:
            return self._encoded.crop(rows[place], self._shape, draws[:, place], flipped[place])

        return _decode_parallel(crop, range(len(rows))).to(self.labels.device)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channel, height, width)`` of one image."""
        return self._shape

    def _content(self) -> Iterator[bytes]:
        """Yield the bytes that identify the images."""
        yield self._encoded.identity.encode()
        yield self._rows.numpy().astype("<i8").tobytes()


def _decode_parallel(decode: Callable[[int], Pixels], places: Sequence[int]) -> Tensor:
    """Decode images in parallel threads and return them as one tensor."""
    return torch.from_numpy(np.stack(list(_workers().map(decode, places))))


@cache
def _workers() -> ThreadPoolExecutor:
    """Return a pool of decoding threads, one per processor that this process may use."""
    share = len(usable_cores()) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return ThreadPoolExecutor(max(1, share), thread_name_prefix="decode")
