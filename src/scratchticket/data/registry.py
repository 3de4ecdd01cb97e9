"""Data sets by name or path."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from scratchticket.base.errors import InputError, extra_missing, unknown
from scratchticket.base.plugins import plugin, plugin_names
from scratchticket.data.arrays import npz_source
from scratchticket.data.assemble import assemble
from scratchticket.data.digits import load_digits
from scratchticket.data.folders import folder_source
from scratchticket.data.imageset import Data, ImageSet
from scratchticket.data.known import KNOWN_SETS
from scratchticket.data.recipe import DataRecipe
from scratchticket.data.sequences import gather
from scratchticket.data.source import Source, parquet_files

DATA_SETS = ("digits", *KNOWN_SETS)


def load_data(
    source: str | Path | DataRecipe, place: str | None = None, *, whole: bool = False
) -> Data:
    """Load a data set.

    Args:
        source: A known name (``digits``, which comes with the package, or ``cifar10``,
            ``cifar100``, ``svhn``, ``imagenet``, which are downloaded); the path of a Parquet
            folder, an image folder or an ``.npz`` file; or a recipe with more settings.
        place: Path of a local copy of a known data set, used instead of a download.
        whole: Make all images test images, whatever their part, to evaluate networks made with
            other data. They then also serve as training and validation images.

    Returns:
        Training, validation and test images, with notes on choices made for the user.

    Raises:
        InputError: If there is no such data, or part of it cannot be used.

    Example:
        >>> data = load_data("digits")
        >>> len(data.train), len(data.validation), len(data.test), data.shape
        (1257, 180, 360, (1, 8, 8))
    """
    recipe = source if isinstance(source, DataRecipe) else DataRecipe(str(source))
    if place is not None and recipe.name not in KNOWN_SETS:
        raise InputError(f"place is for {', '.join(KNOWN_SETS)} only, not for {recipe.name}")
    try:
        if recipe.name in KNOWN_SETS:
            data = _known(recipe, place, whole)
        elif recipe.name == "digits":
            data = _digits(recipe, whole)
        elif (load := plugin("data", recipe.name)) is not None:
            if whole:
                raise InputError(
                    f"the plug-in {recipe.name} splits its images itself; use --part test "
                    "(whole=False in Python)"
                )
            data = load(recipe)
            if not isinstance(data, Data):
                raise InputError(
                    f"the plug-in {recipe.name} returned {type(data).__name__}, not Data"
                )
        else:
            data = _local(recipe, whole)
    except OSError as error:
        raise InputError(f"cannot read {error.filename or recipe.name}: {error.strerror}") from None
    return replace(data, name=recipe.name, recipe=recipe)


def _digits(recipe: DataRecipe, whole: bool) -> Data:
    """Return the packaged digits; ``auto`` does not normalise them."""
    _check_no_column(recipe)
    digits = load_digits()
    normalisation = "none" if recipe.normalisation == "auto" else recipe.normalisation

    def pairs(part: ImageSet) -> list[object]:
        return list(zip(part.images, part.labels, strict=True))

    return gather(
        pairs(digits.train),
        pairs(digits.test),
        validation=pairs(digits.validation),
        name=digits.name,
        classes=digits.classes,
        recipe=replace(recipe, normalisation=normalisation),
        whole=whole,
    )


def _known(recipe: DataRecipe, place: str | None, whole: bool) -> Data:
    """Return a known data set, with its own defaults for settings that the recipe leaves open."""
    known = KNOWN_SETS[recipe.name]
    full = replace(
        recipe,
        label_column=recipe.label_column or known.label_column,
        size=recipe.size or known.size,
        colour=known.colour if recipe.colour == "keep" else recipe.colour,
        lazy=recipe.lazy or known.lazy,
    )
    if place is not None:
        column = full.label_column if _holds_tables(_path(place)) else recipe.label_column
        return _local(replace(full, name=place, label_column=column), whole)
    try:
        from scratchticket.data.hub import hub_source
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing(recipe.name, error, "data") from None
    return assemble(hub_source(recipe.name, known, full), full, recipe.name, whole=whole)


def _local(recipe: DataRecipe, whole: bool) -> Data:
    return assemble(_source(recipe), recipe, whole=whole)


def _source(recipe: DataRecipe) -> Source:
    """Return the source at a path, with its labels read."""
    path = _path(recipe.name)
    if _holds_tables(path):
        return _tables(path, recipe)
    _check_no_column(recipe)
    if path.is_dir():
        return folder_source(path)
    if path.is_file() and path.suffix.lower() == ".npz":
        return npz_source(path)
    if path.is_file():
        raise InputError(
            f"{path} is neither a .parquet nor an .npz file; data is one of these, or a folder of "
            "images or Parquet files"
        )
    known = [*DATA_SETS, *plugin_names("data")]
    if os.sep in recipe.name:
        problem = f"no such path {recipe.name!r}"
    else:
        problem = str(unknown("data set", recipe.name, known))
    raise InputError(
        f"{problem}; give a known name, or the path of a Parquet folder, an image folder or an "
        ".npz file"
    )


def _path(name: str) -> Path:
    """Return a path with ``~`` expanded."""
    path = Path(name)
    with suppress(RuntimeError):  # ~ of an unknown user
        path = path.expanduser()
    return path


def _holds_tables(path: Path) -> bool:
    """Return whether a path is a Parquet file or a folder of Parquet files."""
    if path.is_dir():
        return next(parquet_files(path), None) is not None
    return path.is_file() and path.suffix.lower() == ".parquet"


def _tables(path: Path, recipe: DataRecipe) -> Source:
    """Return Parquet data with its labels read."""
    try:
        from scratchticket.data.parquet import parquet_source
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing(recipe.name, error, "data") from None
    return parquet_source(path, recipe)


def _check_no_column(recipe: DataRecipe) -> None:
    if recipe.label_column is not None:
        raise InputError(f"{recipe.name} has no columns; label_column is for Parquet data")
