"""Random crops and flips of a batch, on its device."""

from __future__ import annotations

from math import log
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from scratchticket.base.errors import InputError, unknown

Augmentation = Literal["none", "crop-flip", "flip", "resized-crop-flip"]
AUGMENTATIONS: tuple[Augmentation, ...] = get_args(Augmentation)
PADDING = 4  # pixels on each side
_TRIALS = 10  # rectangles drawn per image; the first that fits is used
_AREA = (0.08, 1.0)  # range of the rectangle's area, as a fraction of the image's
_RATIO = (3 / 4, 4 / 3)  # range of the rectangle's width / height


def augmented(
    images: Tensor,
    augmentation: str,
    generator: torch.Generator,
    *,
    part: slice = slice(None),
    whole: int | None = None,
) -> Tensor:
    """Return a batch with each image augmented at random.

    Args:
        images: uint8, ``(n, channel, height, width)``, on any device.
        augmentation: ``crop-flip``: four pixels of zero padding on each side, a random crop of the
            original size, and a horizontal flip with probability 1/2, as usual for CIFAR and in
            the paper's released code. ``flip``: the flip alone. ``resized-crop-flip``: a crop
            of 8 to 100 % of the area with aspect ratio 3/4 to 4/3, resized to the original size,
            and a flip (Szegedy et al., 2015, arXiv:1409.4842; usual for ImageNet). ``none``.
        generator: Source of all random numbers, drawn on its device.
        part: If several processes share a batch, the slice of the batch that ``images`` holds.
            Random numbers are drawn for the whole batch, so that they do not depend on how it is
            split.
        whole: Size of the shared batch; None if ``images`` is the whole batch.

    Returns:
        uint8 of the same shape on the same device.

    Raises:
        InputError: If the augmentation is unknown, or the images are too small for it.

    Example:
        >>> images = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8)
        >>> augmented(images, "flip", torch.Generator().manual_seed(1))[0, 0, 0]
        tensor([0, 1, 2, 3, 4, 5, 6, 7], dtype=torch.uint8)
    """
    if augmentation not in AUGMENTATIONS:
        raise unknown("augmentation", augmentation, AUGMENTATIONS)
    if augmentation == "none":
        return images
    whole = len(images) if whole is None else whole
    if augmentation == "resized-crop-flip":
        draws, flips = crop_draws(whole, generator)
        return _stretched(images, draws[:, part], flips[part])
    padding = PADDING if augmentation == "crop-flip" else 0
    _check_size(images, padding)
    offsets = torch.randint(
        2 * padding + 1, (2, whole, 1), generator=generator, device=generator.device
    )
    return _shifted(images, offsets[:, part], _flips(whole, generator)[part], padding)


def _check_size(images: Tensor, padding: int) -> None:
    """Raise an error for images that are too small to be shifted by ``padding`` pixels."""
    height, width = images.shape[2:]
    if min(height, width) < 2 * padding:
        raise InputError(
            f"crop-flip shifts images by up to {padding} pixels and needs images of at least "
            f"{2 * padding}x{2 * padding} pixels, got {height}x{width}; use flip or none"
        )


def _shifted(images: Tensor, offsets: Tensor, flips: Tensor, padding: int) -> Tensor:
    """Return crops of the padded images at ``offsets``, flipped where ``flips`` is true."""
    count, channels, height, width = images.shape
    device = images.device
    offsets, flips = offsets.to(device), flips.to(device)
    rows = offsets[0] + torch.arange(height, device=device)  # (n, height)
    columns = torch.arange(width, device=device).expand(count, width)
    columns = offsets[1] + torch.where(flips[:, None], width - 1 - columns, columns)
    padded = F.pad(images, [padding] * 4)
    index = torch.arange(count, device=device)[:, None, None, None]
    channel = torch.arange(channels, device=device)[:, None, None]
    return padded[index, channel, rows[:, None, :, None], columns[:, None, None, :]]


def _flips(count: int, generator: torch.Generator) -> Tensor:
    """Return whether to flip each image, at random with probability 1/2."""
    return torch.randint(2, (count,), generator=generator, device=generator.device) == 1


def crop_draws(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the random numbers for the crop and flip of each image.

    Returns:
        Random numbers for :func:`boxes`, float64 in [0, 1), ``(4, n, trials)``; and whether each
        image is flipped, bool, ``(n,)``.
    """
    size = (4, count, _TRIALS)
    draws = torch.rand(size, generator=generator, device=generator.device, dtype=torch.float64)
    return draws, _flips(count, generator)


def _stretched(images: Tensor, draws: Tensor, flips: Tensor) -> Tensor:
    """Return a random rectangle of each image, resized bilinearly and randomly flipped."""
    height, width = images.shape[2:]
    rectangles = boxes(draws, height, width).to(images.device)
    flips = flips.to(images.device)
    top, left, tall, wide = rectangles.float()[:, :, None].unbind(1)  # each (n, 1)
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
    """Return the input coordinates of the output pixels along one side: ``(n, size)``.

    Positions are clamped to the rectangle, so that no pixel outside it is read.
    """
    steps = (torch.arange(size, device=start.device) + 0.5) / size
    inside = (steps * length - 0.5).clamp(min=0)
    return start + torch.minimum(inside, length - 1)


def boxes(draws: Tensor, height: int, width: int) -> Tensor:
    """Return a random rectangle for each image; all images have the same size.

    Area and aspect ratio are drawn ten times, and the first rectangle that fits into the image is
    used; if none fits, the largest centred rectangle whose aspect ratio is in range.

    Args:
        draws: See :func:`crop_draws`.
        height: Height of the images.
        width: Width of the images.

    Returns:
        int64, ``(n, 4)``: top, left, height, width in pixels, on the device of the draws.
    """
    area = height * width * (_AREA[0] + (_AREA[1] - _AREA[0]) * draws[0])
    low, high = log(_RATIO[0]), log(_RATIO[1])
    ratio = torch.exp(low + (high - low) * draws[1])
    wide, tall = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (wide >= 1) & (tall >= 1) & (wide <= width) & (tall <= height)
    first = fits.int().argmax(dim=1, keepdim=True)
    top = ((height - tall + 1) * draws[2]).floor()
    left = ((width - wide + 1) * draws[3]).floor()
    limit_wide = min(width, round(height * _RATIO[1]))
    limit_tall = min(height, round(width / _RATIO[0]))
    middle = ((height - limit_tall) // 2, (width - limit_wide) // 2, limit_tall, limit_wide)
    fitting = fits.any(dim=1)
    columns = [  # scalars, since a tensor of ``middle`` would need host-device synchronisation
        torch.where(fitting, value.gather(1, first)[:, 0], fallback)
        for value, fallback in zip((top, left, tall, wide), middle, strict=True)
    ]
    return torch.stack(columns, dim=1).long()
