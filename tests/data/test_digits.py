"""Digits are the documented images, split the same way for ever."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest
import torch

import scratchticket as st
from scratchticket.base.errors import InputError
from scratchticket.data import ImageSet, pixels


def test_parts_have_their_sizes_shapes_and_types(digits: st.Data) -> None:
    for part, count in ((digits.train, 1257), (digits.validation, 180), (digits.test, 360)):
        assert part.images.shape == (count, 1, 8, 8)
        assert part.images.dtype == torch.uint8
        assert part.labels.dtype == torch.int64
        shares = part.labels.bincount() / count
        assert shares.min() > 0.09  # ten classes in equal shares
    assert digits.classes == tuple("0123456789")


def test_images_are_those_of_scikit_learn_rescaled(digits: st.Data) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    original = datasets.load_digits()
    expected = sorted(
        (int(label), np.round(image * 255 / 16).astype(np.uint8).tobytes())
        for image, label in zip(original.images, original.target, strict=True)
    )

    ours = sorted(
        (int(label), image.numpy().tobytes())
        for part in (digits.train, digits.validation, digits.test)
        for image, label in zip(part.images, part.labels, strict=True)
    )

    assert ours == expected


def test_the_split_never_changes(digits: st.Data) -> None:
    content = digits.test.images.numpy().tobytes() + digits.test.labels.numpy().tobytes()

    assert sha256(content).hexdigest()[:16] == "a216f9b461fc11af"


def test_pixels_are_in_zero_one(digits: st.Data) -> None:
    values = pixels(digits.test.images)

    assert (values.min(), values.max()) == (0.0, 1.0)
    torch.testing.assert_close(values * 255, digits.test.images.float(), rtol=0, atol=1e-4)


def test_what_is_no_image_set_is_refused() -> None:
    images, labels = torch.zeros(3, 1, 8, 8, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64)
    with pytest.raises(InputError, match="images must be uint8"):
        ImageSet(images.float(), labels)
    with pytest.raises(InputError, match="labels must be int64"):
        ImageSet(images, labels[:2])
    with pytest.raises(InputError, match="at least one image"):
        ImageSet(images[:0], labels[:0])


def test_an_unknown_data_set_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'digits'"):
        st.load_data("digit")
