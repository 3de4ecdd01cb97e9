"""Known data sets: where to download them, how to recognise copies, their normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scratchticket.data.imageset import ImageSet
from scratchticket.data.recipe import Colour

OWN_SIZE = 32  # height and width of all images of each known data set without a ``size``
_SAMPLE = 1000  # number of images whose mean pixel is compared with the published mean
_TOLERANCE = 0.03  # largest difference of the means in a channel, for pixels in [0, 1]


@dataclass(frozen=True)
class Constants:
    """The per-channel mean and standard deviation that normalise pixels in [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class KnownSet:
    """A data set known by name.

    Attributes:
        repository: Name of the repository on the Hugging Face Hub.
        files: Glob pattern of each part's files in the repository.
        classes: Number of classes, first and last class name, by which a copy is recognised; one
            entry for each naming in use.
        published: The usual constants, computed from the training pixels.
        released: Constants of the paper's released code.
        train: Number of training images.
        test: Number of test images.
        label_column: Name of the label column, if there are several.
        size: Size to resize to, if images differ in size.
        colour: ``rgb`` if some images are grey.
        lazy: Whether images are decoded at each access, since their pixels do not fit into memory.
        terms: What the user must do before a download.
    """

    repository: str
    files: Mapping[str, str]
    classes: tuple[tuple[int, str, str], ...]
    published: Constants
    released: Constants
    train: int
    test: int
    label_column: str | None = None
    size: int | None = None
    colour: Colour = "keep"
    lazy: bool = False
    terms: str = ""


_CIFAR10_RELEASED = Constants((0.491, 0.482, 0.447), (0.247, 0.243, 0.262))
_IMAGENET = Constants((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

KNOWN_SETS = {
    "cifar10": KnownSet(
        "uoft-cs/cifar10",
        {"train": "plain_text/train-*", "test": "plain_text/test-*"},
        ((10, "airplane", "truck"),),
        Constants((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
        _CIFAR10_RELEASED,
        train=50_000,
        test=10_000,
    ),
    "cifar100": KnownSet(
        "uoft-cs/cifar100",
        {"train": "cifar100/train-*", "test": "cifar100/test-*"},
        ((100, "apple", "worm"),),
        Constants((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
        _CIFAR10_RELEASED,
        train=50_000,
        test=10_000,
        label_column="fine_label",
    ),
    "svhn": KnownSet(
        "ufldl-stanford/svhn",
        {"train": "cropped_digits/train-*", "test": "cropped_digits/test-*"},
        ((10, "0", "9"),),
        Constants((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
        Constants((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        train=73_257,
        test=26_032,
    ),
    "imagenet": KnownSet(
        "ILSVRC/imagenet-1k",
        {"train": "data/train-*", "test": "data/validation-*"},  # its test part has no labels
        (
            (1000, "tench, Tinca tinca", "toilet tissue, toilet paper, bathroom tissue"),
            (1000, "n01440764", "n15075141"),
        ),
        _IMAGENET,
        _IMAGENET,
        train=1_281_167,
        test=50_000,
        size=224,
        colour="rgb",
        lazy=True,
        terms="accept its terms on its page and run `hf auth login`, or ",
    ),
}


def recognised(classes: tuple[str, ...], train: ImageSet) -> str | None:
    """Return the name of the known data set of which this is a copy or a subset, if any.

    The number of classes and the first and last class name must agree, and the mean pixel must be
    within 0.03 of the published mean. Names alone are not enough: SVHN is not the only data set
    with the classes 0 to 9.
    """
    for name, known in KNOWN_SETS.items():
        if (len(classes), classes[0], classes[-1]) in known.classes and train.shape[0] == 3:
            sample = train[:: max(1, len(train) // _SAMPLE)].images.numpy()
            mean = sample.mean(axis=(0, 2, 3)) / 255
            if np.abs(mean - known.published.mean).max() < _TOLERANCE:
                return name
    return None
