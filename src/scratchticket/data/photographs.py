"""Images that stay encoded, and are decoded whenever they are looked at."""

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

from scratchticket.base.errors import InputError
from scratchticket.data.augmentation import augmented, boxes, crop_draws
from scratchticket.data.imageset import ImageSet
from scratchticket.data.pictures import Picture, Pixels, decoded, photograph, pixels_of
from scratchticket.data.recipe import DataRecipe


@dataclass(frozen=True, eq=False)
class Album:
    """Encoded images that can be read in any order.

    Attributes:
        at: Returns an image, given its row.
        where: Names it for an error message.
        recipe: How images are prepared.
        identity: A hash of what the images are.
    """

    at: Callable[[int], Picture]
    where: Callable[[int], str]
    recipe: DataRecipe
    identity: str

    def pixels(self, row: int, shape: tuple[int, ...] | None = None) -> Pixels:
        """Decode an image as it is judged: its middle.

        Raises:
            InputError: Naming the image, if it cannot be used.
        """
        return self._named(row, lambda: decoded(self.at(row), self.recipe, shape))

    def crop(self, row: int, shape: tuple[int, ...], draws: Tensor, flip: bool) -> Pixels:
        """Decode an image as it is learned from: a random rectangle of it, stretched.

        Args:
            row: Which.
            shape: What the pixels have to have.
            draws: Of this image, see :func:`crop_draws`.
            flip: Whether it is flipped.

        Raises:
            InputError: Naming the image, if it cannot be used.
        """
        return self._named(row, lambda: self._crop(row, shape, draws, flip))

    def _crop(self, row: int, shape: tuple[int, ...], draws: Tensor, flip: bool) -> Pixels:
        image = photograph(self.at(row), self.recipe.colour)
        top, left, tall, wide = boxes(draws[:, None], image.height, image.width)[0].tolist()
        image = image.crop((left, top, left + wide, top + tall))
        image = image.resize((shape[2], shape[1]), Image.Resampling.BILINEAR)
        if flip:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return pixels_of(image, shape)

    def _named(self, row: int, decode: Callable[[], Pixels]) -> Pixels:
        try:
            return decode()
        except InputError as error:
            raise InputError(f"{self.where(row)}: {error}") from None


class Photographs(ImageSet):
    """An image set that takes a few bytes of memory per image.

    Whoever asks it for its ``images`` has them decoded, by as many threads as this process has
    processors; so ask for a part of the set, ``photographs[slice(0, 64)].images``.

    Args:
        album: Where the images lie.
        rows: int64, ``(n,)``: which of them form the set.
        labels: int64, ``(n,)``; pixels come to their device.
        shape: ``(channel, height, width)`` of the decoded images.
    """

    lazy: ClassVar[bool] = True

    def __init__(
        self, album: Album, rows: Tensor, labels: Tensor, shape: tuple[int, int, int]
    ) -> None:
        if len(rows) == 0:
            raise InputError("an image set must hold at least one image")
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "_album", album)
        object.__setattr__(self, "_rows", rows)
        object.__setattr__(self, "_shape", shape)

    _album: Album
    _rows: Tensor
    _shape: tuple[int, int, int]

    @property
    def images(self) -> Tensor:
        """uint8, ``(n, channel, height, width)``, decoded now."""
        found = _together(lambda row: self._album.pixels(row, self._shape), self._rows.tolist())
        return found.to(self.labels.device)

    def __repr__(self) -> str:
        return f"Photographs({len(self)} of shape {self._shape})"

    def __getitem__(self, index: Tensor | slice) -> Photographs:
        """Return the chosen images as a set of their own; nothing is decoded."""
        rows = index.cpu() if isinstance(index, Tensor) else index
        return Photographs(self._album, self._rows[rows], self.labels[index], self._shape)

    def to(self, device: torch.device | str) -> Photographs:
        """Return the same set, whose images come to another device when they are decoded."""
        return self.labelled(self.labels.to(device))

    def labelled(self, labels: Tensor) -> Photographs:
        """Return the same images with other labels."""
        return Photographs(self._album, self._rows, labels, self._shape)

    def changed(self, part: slice, augmentation: str, generator: torch.Generator) -> Tensor:
        """Return some of the images, each changed at random; see :meth:`ImageSet.changed`.

        Random crops are cut out of the photographs as they are stored.
        """
        mine, whole = self[part], len(self)
        if augmentation != "resized-crop-flip":
            return augmented(mine.images, augmentation, generator, part=part, whole=whole)
        draws, flips = crop_draws(whole, generator)
        rows, own = mine._rows.tolist(), draws[:, part]
        flipped: list[bool] = flips[part].tolist()

        def crop(place: int) -> Pixels:
            return self._album.crop(rows[place], self._shape, own[:, place], flipped[place])

        return _together(crop, range(len(rows))).to(self.labels.device)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channel, height, width)`` of one image."""
        return self._shape

    def _content(self) -> Iterator[bytes]:
        """Return what the images are: which ones of what."""
        yield self._album.identity.encode()
        yield self._rows.numpy().astype("<i8").tobytes()


def _together(decode: Callable[[int], Pixels], places: Sequence[int]) -> Tensor:
    """Decode images side by side."""
    return torch.from_numpy(np.stack(list(_workers().map(decode, places))))


@cache
def _workers() -> ThreadPoolExecutor:
    """Return the threads that decode: this process's share of the machine's processors."""
    usable = getattr(os, "sched_getaffinity", None)  # not everywhere
    processors = len(usable(0)) if usable else os.cpu_count() or 1
    share = processors // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return ThreadPoolExecutor(max(1, share), thread_name_prefix="decode")
