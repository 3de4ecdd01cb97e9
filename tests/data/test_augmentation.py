"""Augmentation equals a slow loop over images that is plain to see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from scratchticket.base.errors import InputError
from scratchticket.base.rng import generator
from scratchticket.data import AUGMENTATIONS, augmented
from scratchticket.data.augmentation import boxes


def batch(count: int = 64, height: int = 12, width: int = 10) -> Tensor:
    """Return random images of three channels."""
    draws = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, height, width), generator=draws, dtype=torch.uint8)


def stream() -> torch.Generator:
    return generator(5, "augmentation", 0, 0)


def random_boxes(count: int, height: int, width: int, draws: torch.Generator) -> Tensor:
    """Return the rectangles alone."""
    size = (4, count, 10)
    return boxes(torch.rand(size, generator=draws, dtype=torch.float64), height, width)


def test_crop_and_flip_equal_a_loop_over_images() -> None:
    images, draws = batch(), stream()
    offsets = torch.randint(9, (2, len(images), 1), generator=draws)[:, :, 0]
    flips = torch.randint(2, (len(images),), generator=draws)
    expected = []
    for image, top, left, flip in zip(images.numpy(), *offsets.numpy(), flips, strict=True):
        padded = np.pad(image, ((0, 0), (4, 4), (4, 4)))
        crop = padded[:, top : top + 12, left : left + 10]
        expected.append(crop[:, :, ::-1] if flip else crop)

    found = augmented(images, "crop-flip", stream())

    np.testing.assert_array_equal(found.numpy(), np.stack(expected))


def test_every_shift_occurs_and_half_of_the_images_are_flipped() -> None:
    image = torch.arange(1, 65, dtype=torch.uint8).view(1, 1, 8, 8)

    found = augmented(image.expand(2000, 1, 8, 8), "crop-flip", stream())

    assert len(torch.unique(found, dim=0)) == 2 * 9 * 9
    flipped = augmented(image.expand(2000, 1, 8, 8), "flip", stream())[:, 0, 0, 0] == 8
    assert 900 < flipped.sum() < 1100  # 4.5 standard deviations


def test_flip_changes_nothing_else() -> None:
    images = batch()

    found = augmented(images, "flip", stream())

    for before, after in zip(images, found, strict=True):
        assert torch.equal(before, after) or torch.equal(before.flip(-1), after)


def test_resized_crop_equals_cutting_and_interpolating_each_image() -> None:
    images, draws = batch(), stream()
    rectangles = random_boxes(len(images), 12, 10, draws)
    flips = torch.randint(2, (len(images),), generator=draws)

    found = augmented(images, "resized-crop-flip", stream())

    for image, (top, left, tall, wide), flip, after in zip(
        images, rectangles.tolist(), flips, found, strict=True
    ):
        crop = image[None, :, top : top + tall, left : left + wide].double()
        expected = F.interpolate(crop, (12, 10), mode="bilinear", align_corners=False)[0]
        expected = expected.flip(-1) if flip else expected
        assert (after - expected).abs().max() < 0.501  # it is rounded


def test_random_boxes_have_the_area_and_sides_that_are_promised() -> None:
    top, left, tall, wide = random_boxes(5000, 100, 120, stream()).unbind(1)

    assert min(top.min(), left.min()) == 0
    assert (top + tall).max() == 100
    assert (left + wide).max() == 120
    area, ratio = tall * wide / 12_000, wide / tall
    assert 0.07 < area.min() < 0.1
    assert 0.9 < area.max() <= 1.0
    assert 0.73 < ratio.min() < 0.77
    assert 1.30 < ratio.max() < 1.36


def test_images_that_no_box_fits_are_cropped_in_the_middle() -> None:
    found = random_boxes(50, 100, 4, stream())

    fallback = found[found[:, 2] == 5]  # 4 / (3/4), rounded

    assert len(fallback) == 50
    assert fallback[0].tolist() == [47, 0, 5, 4]


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_generator_decides_and_memory_order_does_not(name: str) -> None:
    images = batch()
    strided = images.contiguous(memory_format=torch.channels_last)

    found = augmented(images, name, stream())

    assert found.dtype == torch.uint8
    assert found.shape == images.shape
    assert torch.equal(found, augmented(images, name, stream()))
    assert torch.equal(found, augmented(strided, name, stream()))
    other = augmented(images, name, generator(6, "augmentation", 0, 0))
    assert torch.equal(found, other) == (name == "none")
    assert torch.equal(images, batch())


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_part_of_a_batch_is_changed_as_in_the_whole(name: str) -> None:
    images, part = batch(), slice(10, 31)

    found = augmented(images[part], name, stream(), part=part, whole=len(images))

    assert torch.equal(found, augmented(images, name, stream())[part])


def test_what_cannot_be_done_is_one_line() -> None:
    with pytest.raises(InputError, match="unknown augmentation 'crop_flip'; did you mean"):
        augmented(batch(), "crop_flip", stream())
    with pytest.raises(InputError, match="at least 8x8 pixels, got 7x10; use flip or none"):
        augmented(batch(height=7), "crop-flip", stream())
