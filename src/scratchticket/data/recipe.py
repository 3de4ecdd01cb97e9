"""The data recipe, which runs, tickets and records store."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from scratchticket.base.errors import InputError, unknown
from scratchticket.base.files import MAX_JSON, check_text, parsed_json, read_bytes
from scratchticket.base.quantities import fraction, fraction_text
from scratchticket.base.rng import check_seed
from scratchticket.base.typed import check_types

Normalisation = Literal["auto", "computed", "none", "released"]
Colour = Literal["keep", "rgb", "grey"]
MAX_SIZE = 4096


@dataclass(frozen=True)
class DataRecipe:
    """A data set, and how its images are prepared.

    Attributes:
        name: Data set: digits, cifar10, cifar100, svhn, imagenet; or the path of a Parquet folder,
            an image folder or an .npz file.
        label_column: Name of the label column of Parquet data. Needed if several columns could
            hold labels.
        size: Resize every image: its shorter side to this many pixels, then a centre crop.
            Needed if images differ in size.
        validation: Fraction of the training images of each class to hold out for validation, as
            text, in [0, 1). Ignored if the data has a validation part. With 0 the test images are
            also the validation images, as in the released code; a note then says so.
        normalisation: Mean and standard deviation that normalise pixels. ``auto``: the published
            constants of a known data set, for other data as ``computed``; ``computed``: from the
            training pixels; ``none``; ``released``: the constants of the paper's released code.
        seed: Seed of the split.
        colour: Convert every image to rgb or grey. ``keep`` converts no image; all must then
            be of one kind.
        train_images: Number of training images to keep, the same fraction of each class; all if
            not given. The choice depends only on this recipe.
        classes: Classes to keep, in the order of their labels: comma-separated names, a JSON list,
            or (on the command line) a file with one name per line or with JSON, such as
            torchvision's class_to_idx. Names with commas need JSON. All if not given.
        lazy: Decode images at each access instead of once, for data whose pixels do not fit into
            memory or on disk. Random crops are then cut from the unresized images. For
            evaluation, the shorter side is resized to 8/7 of ``size`` and the centre is cropped.

    Raises:
        InputError: If a name is unknown or a number out of range.
    """

    name: str = "digits"
    label_column: str | None = None
    size: int | None = None
    validation: str | float = "0.1"
    normalisation: Normalisation = "auto"
    seed: int = 0
    colour: Colour = "keep"
    train_images: int | None = None
    classes: str | None = None
    lazy: bool = False

    def __post_init__(self) -> None:
        check_types(self, "data.")
        if not self.name:
            raise InputError("data must be a known name or a path, got ''")
        for what in ("name", "label_column", "classes"):
            check_text(getattr(self, what) or "", f"data.{what}")
        if self.size is not None and not 1 <= self.size <= MAX_SIZE:
            raise InputError(f"size must be from 1 to {MAX_SIZE} pixels, got {self.size}")
        if self.train_images is not None and self.train_images < 1:
            raise InputError(f"train_images must be at least 1, got {self.train_images}")
        if self.normalisation not in get_args(Normalisation):
            raise unknown("normalisation", self.normalisation, get_args(Normalisation))
        if self.colour not in get_args(Colour):
            raise unknown("colour", self.colour, get_args(Colour))
        if not 0 <= (share := fraction(self.validation, "validation")) < 1:
            raise InputError(
                "validation must lie in [0, 1), a fraction of the training images, "
                f"got {self.validation}"
            )
        object.__setattr__(self, "validation", fraction_text(share))
        check_seed(self.seed)

    @property
    def exact_validation(self) -> Fraction:
        """The held-out fraction as an exact rational number."""
        return Fraction(self.validation)


def class_names(text: str) -> tuple[str, ...]:
    """Return the class names in a list; see :class:`DataRecipe`.

    Example:
        >>> class_names("cat, dog"), class_names('["tench, Tinca tinca", "cock"]')
        (('cat', 'dog'), ('tench, Tinca tinca', 'cock'))
    """
    return _from_json(text) or tuple(name.strip() for name in text.split(","))


def classes_text(text: str) -> str:
    """Return a list of classes in the form that a recipe stores.

    Args:
        text: The list; or the path of a file with one name per line, or with JSON: a list of
            names, or an object from names to numbers, such as torchvision's ``class_to_idx``.

    Raises:
        InputError: If the text or the file holds no such list.
    """
    if (path := _file(text)) is None:
        if len(class_names(text)) < 2:
            raise InputError(
                "classes are two or more names separated by commas, a JSON list, or the path of a "
                f"file that lists them; got {text!r}"
            )
        return text
    try:
        text = read_bytes(path, "list of classes", MAX_JSON).decode()
    except UnicodeDecodeError:
        raise InputError(f"{path} holds no list of classes: it is not UTF-8") from None
    names = _from_json(text)
    if not names and text.lstrip()[:1] not in ("[", "{"):
        names = tuple(line.strip() for line in text.splitlines() if line.strip())
    if len(names) < 2:
        raise InputError(
            f"{path} holds no list of classes: expected one name per line; or JSON: a list of "
            "names, or an object from names to their numbers from 0"
        )
    plain = ",".join(names)
    return plain if class_names(plain) == names else json.dumps(names, ensure_ascii=False)


def _file(text: str) -> Path | None:
    """Return the path in a text; None if there is no such file."""
    with suppress(OSError, RuntimeError, ValueError):  # e.g. too long for a path
        path = Path(text).expanduser()
        return path if path.is_file() else None
    return None


def _from_json(text: str) -> tuple[str, ...]:
    """Return the names in a JSON list or object; empty if the text is not JSON."""
    try:
        value = parsed_json(text)
    except ValueError:
        return ()
    if isinstance(value, dict):
        numbers = {number: name for name, number in value.items() if type(number) is int}
        value = [numbers.get(number) for number in range(len(value))]
    names = value if isinstance(value, list) else []
    return tuple(names) if all(isinstance(name, str) for name in names) else ()
