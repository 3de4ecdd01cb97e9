"""Random crops and flips of a batch, on its device."""

from __future__ import annotations

from math import log
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from scratchticket.errors import InputError, unknown

Augmentation = Literal["none", "crop-flip", "flip", "resized-crop-flip"]
AUGMENTATIONS: tuple[Augmentation, ...] = get_args(Augmentation)
PADDING = 4
_TRIALS = 10
_AREA = (0.08, 1.0)
_RATIO = (3 / 4, 4 / 3)


def augmented(images: Tensor, augmentation: str, generator: torch.Generator) -> Tensor:
    """Change each image of a batch at random.

    Args:
        images: uint8, ``(n, channel, height, width)``, on any device.
        augmentation: ``crop-flip``: four pixels of zeros on each side, a random crop of the old
            size, and a horizontal flip of every second image on average, which is what is usual for
            CIFAR and done by the paper's released code. ``flip``: only that. ``resized-crop-flip``:
            a crop of 8 to 100 % of the area with sides of ratio 3/4 to 4/3, stretched to the old
            size, and a flip (Szegedy et al., 2015, arXiv:1409.4842; usual for ImageNet). ``none``.
        generator: Where all random numbers come from, drawn on its device.

    Returns:
        uint8 of the same shape on the same device.

    Raises:
        InputError: If the name is unknown, or images are too small for it.

    Example:
        >>> images = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8)
        >>> augmented(images, "flip", torch.Generator().manual_seed(1))[0, 0, 0]
        tensor([0, 1, 2, 3, 4, 5, 6, 7], dtype=torch.uint8)
    """
    if augmentation not in AUGMENTATIONS:
        raise unknown("augmentation", augmentation, AUGMENTATIONS)
    if augmentation == "none":
        return images
    if augmentation == "resized-crop-flip":
        return _stretched(images, generator)
    return _shifted(images, generator, PADDING if augmentation == "crop-flip" else 0)


def _shifted(images: Tensor, generator: torch.Generator, padding: int) -> Tensor:
    """Shift each image by up to ``padding`` pixels, and flip it or not, by one indexing."""
    count, channels, height, width = images.shape
    if min(height, width) < 2 * padding:
        raise InputError(
            f"crop-flip shifts images by up to {padding} pixels and needs them to be at least "
            f"{2 * padding} wide and high, got {height}x{width}; use flip or none"
        )
    device = images.device
    offsets = torch.randint(
        2 * padding + 1, (2, count, 1), generator=generator, device=generator.device
    ).to(device)
    flips = _flips(count, generator).to(device)
    rows = offsets[0] + torch.arange(height, device=device)  # (n, height)
    columns = torch.arange(width, device=device).expand(count, width)
    columns = offsets[1] + torch.where(flips[:, None], width - 1 - columns, columns)
    padded = F.pad(images, [padding] * 4)
    which = torch.arange(count, device=device)[:, None, None, None]
    channel = torch.arange(channels, device=device)[:, None, None]
    return padded[which, channel, rows[:, None, :, None], columns[:, None, None, :]]


def _flips(count: int, generator: torch.Generator) -> Tensor:
    """Return for each image whether it is flipped, with probability one half."""
    return torch.randint(2, (count,), generator=generator, device=generator.device) == 1


def _stretched(images: Tensor, generator: torch.Generator) -> Tensor:
    """Cut a random rectangle out of each image and stretch it to the image's size, bilinearly."""
    count, _, height, width = images.shape
    boxes = random_boxes(count, height, width, generator).to(images.device)
    flips = _flips(count, generator).to(images.device)
    top, left, tall, wide = boxes.float()[:, :, None].unbind(1)  # each (n, 1)
    rows = _positions(top, tall, height)
    columns = _positions(left, wide, width)
    columns = torch.where(flips[:, None], columns.flip(1), columns)
    grid = torch.stack(  # (n, height, width, 2), x first, in [-1, 1]
        [
            ((2 * columns + 1) / width - 1)[:, None, :].expand(-1, height, -1),
            ((2 * rows + 1) / height - 1)[:, :, None].expand(-1, -1, width),
        ],
        dim=-1,
    )
    values = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return values.round().clamp(0, 255).to(torch.uint8)


def _positions(start: Tensor, length: Tensor, size: int) -> Tensor:
    """Return where along one side the new pixels lie, ``(n, size)``, in old pixels from 0.

    Nothing outside the rectangle is looked at: positions end at its outermost pixels.
    """
    steps = (torch.arange(size, device=start.device) + 0.5) / size
    inside = (steps * length - 0.5).clamp(min=0)
    return start + torch.minimum(inside, length - 1)


def random_boxes(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Draw a rectangle for each image.

    Area and ratio of sides are drawn up to ten times, until the rectangle fits into the image; if
    it never does it is the largest in the middle whose ratio is in range.

    Returns:
        int64, ``(n, 4)``: top, left, height, width in pixels, on the generator's device.
    """
    device = generator.device
    draws = torch.rand(4, count, _TRIALS, generator=generator, device=device, dtype=torch.float64)
    area = height * width * (_AREA[0] + (_AREA[1] - _AREA[0]) * draws[0])
    low, high = log(_RATIO[0]), log(_RATIO[1])
    ratio = torch.exp(low + (high - low) * draws[1])
    wide, tall = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (wide >= 1) & (tall >= 1) & (wide <= width) & (tall <= height)
    first = fits.int().argmax(dim=1, keepdim=True)
    top = ((height - tall + 1) * draws[2]).floor()
    left = ((width - wide + 1) * draws[3]).floor()
    boxes = torch.stack([value.gather(1, first)[:, 0] for value in (top, left, tall, wide)], dim=1)
    limit_wide = min(width, round(height * _RATIO[1]))
    limit_tall = min(height, round(width / _RATIO[0]))
    middle = [(height - limit_tall) // 2, (width - limit_wide) // 2, limit_tall, limit_wide]
    whole = torch.tensor(middle, dtype=torch.float64, device=device)
    return torch.where(fits.any(dim=1, keepdim=True), boxes, whole).long()
