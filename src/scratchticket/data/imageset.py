"""The value types ``ImageSet`` and ``Data``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from scratchticket.base.errors import InputError
from scratchticket.data.augmentation import augmented
from scratchticket.data.recipe import DataRecipe

_PIECE = 2**22  # bytes of pixels that are read or hashed at a time


def pixels(images: Tensor) -> Tensor:
    """Return stored images as input of networks and attacks.

    Args:
        images: uint8, ``(n, channel, height, width)``.

    Returns:
        float32 in [0, 1] of the same shape, ``images / 255``, in channels-last memory format, in
        which convolutions are fastest.
    """
    return (images.to(torch.float32) / 255).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with their labels.

    Attributes:
        images: uint8, ``(n, channel, height, width)``.
        labels: int64, ``(n,)``.
        lazy: Whether images are decoded at each access.

    Raises:
        InputError: If shapes or types disagree, or there is no image.
    """

    images: Tensor
    labels: Tensor
    lazy: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise InputError(
                "images must be uint8 of shape (n, channel, height, width), "
                f"got {self.images.dtype} of shape {tuple(self.images.shape)}"
            )
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise InputError(
                f"labels must be int64 of shape ({len(self.images)},), "
                f"got {self.labels.dtype} of shape {tuple(self.labels.shape)}"
            )
        if len(self.labels) == 0:
            raise InputError("an image set must hold at least one image")
        for name in ("images", "labels"):
            if (tensor := getattr(self, name)).is_inference():  # autograd refuses inference tensors
                with torch.inference_mode(False):
                    object.__setattr__(self, name, tensor.clone())

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Tensor | slice) -> ImageSet:
        """Return the selected images as a new set."""
        return ImageSet(self.images[index], self.labels[index])

    def to(self, device: torch.device | str) -> ImageSet:
        """Return the same images on another device."""
        return ImageSet(self.images.to(device), self.labels.to(device))

    def labelled(self, labels: Tensor) -> ImageSet:
        """Return the same images with other labels."""
        return replace(self, labels=labels)

    def changed(self, part: slice, augmentation: str, generator: torch.Generator) -> Tensor:
        """Return a slice of the images, randomly augmented; see :func:`augmented`.

        Args:
            part: The slice; random numbers are drawn for the whole set.
            augmentation: One of :data:`AUGMENTATIONS`.
            generator: Random generator on the images' device; on the CPU if the set is lazy.
        """
        return augmented(self.images[part], augmentation, generator, part=part, whole=len(self))

    def pieces(self) -> Iterator[Tensor]:
        """Yield all images as tensors of about 4 MiB."""
        count = max(1, _PIECE // prod(self.shape))
        for start in range(0, len(self), count):
            yield self[start : start + count].images

    def digest(self, *, labels: bool = False) -> str:
        """Return a hash of the images and, if ``labels`` is true, also of their labels."""
        digest = sha256()
        for content in self._content():
            digest.update(content)
        if labels:
            digest.update(self.labels.cpu().numpy().tobytes())
        return digest.hexdigest()

    def _content(self) -> Iterator[bytes]:
        """Yield the bytes that identify the images."""
        for piece in self.pieces():
            yield piece.cpu().numpy().tobytes()

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channel, height, width)`` of one image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width


@dataclass(frozen=True, eq=False)
class Data:
    """A data set split in three parts; nothing is ever selected on the test part.

    Attributes:
        name: Name of the data set.
        classes: Class names; a label is an index into them.
        train: Images for the search or training.
        validation: Images for selecting the best epoch.
        test: Images for the reported accuracies.
        mean: Per-channel mean of the training pixels in [0, 1].
        std: Per-channel standard deviation of the training pixels.
        notes: Notes for the user on how the data was read, one line each.
        recipe: How the data was prepared.
    """

    name: str
    classes: tuple[str, ...]
    train: ImageSet
    validation: ImageSet
    test: ImageSet
    mean: tuple[float, ...]
    std: tuple[float, ...]
    notes: tuple[str, ...] = ()
    recipe: DataRecipe = DataRecipe()

    def __post_init__(self) -> None:
        for part in ("train", "validation", "test"):
            images: ImageSet = getattr(self, part)
            low, high = int(images.labels.min()), int(images.labels.max())
            if low < 0 or high >= len(self.classes):
                raise InputError(
                    f"{self.name}: labels of the {part} part run from {low} to {high}, "
                    f"but there are {len(self.classes)} classes"
                )
            if images.shape != self.train.shape:
                raise InputError(
                    f"{self.name}: images of the {part} part have shape {images.shape}, "
                    f"those of the train part {self.train.shape}"
                )

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channel, height, width)`` of one image."""
        return self.train.shape

    @property
    def judged(self) -> dict[str, Any]:
        """The test images as a record describes them: data set, part, number."""
        part = "all" if self.test is self.train else "test"
        return {"name": Path(self.name).name, "part": part, "of": len(self.test)}
