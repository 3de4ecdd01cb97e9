"""Parquet data: a folder in the layout of the Hugging Face Hub, or one file."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from scratchticket.base.errors import InputError
from scratchticket.base.files import MAX_RATIO, MAX_UNPACKED
from scratchticket.data.recipe import DataRecipe
from scratchticket.data.source import (
    PARTS,
    Source,
    check_one_each,
    files_digest,
    parquet_files,
    part_named,
    part_within,
    unread_note,
)
from scratchticket.data.tables import Table, tables_source

_BATCH = 256


_SPLIT = re.compile(r"(.+?)-\d{5}-of-\d{5}")


class _File(NamedTuple):
    """A Parquet file, with the names in its path that can identify its part.

    Attributes:
        path: Path of the file.
        home: Folders from the data's root to the file, without the folder of a part.
        name: Name to compare with the names of parts: the file's, or its folder's.
        split: Whether ``name`` comes from ``NAME-00000-of-00002.parquet``.
        pattern: Pattern of the names of all files in its series, for messages.
    """

    path: Path
    home: tuple[str, ...]
    name: str
    split: bool
    pattern: str


def parquet_source(path: Path, recipe: DataRecipe) -> Source:
    """Find the parts of a Parquet folder, or of a single file, and read their labels.

    A file belongs to a part if its name (``train.parquet``, ``train_0.parquet``,
    ``train-00000-of-00002.parquet``) or its folder (``test/0.parquet``) is the part's. If there is
    no such file, a name that contains a part's also counts (``my_train.parquet``, but not
    ``my_train-00000-of-00002.parquet``). If no name contains a part's, all files are the training
    part; otherwise, the files without a part are not read, and a note counts them.

    Raises:
        InputError: If a file is damaged or missing, or files with different names fit the same
            part; or see :func:`tables_source`.
    """
    folder = path.is_dir()
    root = path if folder else path.parent
    files = _files(path) if folder else [_file(root, path)]
    parts = _parts(root, files, part_named)
    if not parts:
        parts = _parts(root, [file for file in files if not file.split], part_within)
    if not parts:
        check_one_each(root, {"train": [file.pattern for file in files if file.split]})
    if not parts or [len(some) for some in parts.values()] == [len(files)]:
        parts = {"train": [file.path for file in files]}  # a single part, whatever its name
    for part_files in parts.values():
        check_complete(part_files)
    used = [file for part_files in parts.values() for file in part_files]
    return tables_source(
        str(path),
        {part: [_table(file) for file in parts[part]] for part in PARTS if part in parts},
        partial(files_digest, root, used),
        label_column=recipe.label_column,
        notes=unread_note(root, used, (".parquet",)) if folder else (),
    )


def _files(root: Path) -> list[_File]:
    """Return the Parquet files directly in a folder or, if there are none, in its subfolder.

    Several subfolders with Parquet files are an error, unless they are named after parts.
    """
    files = [_file(root, path) for path in parquet_files(root)]
    homes = {file.home for file in files}
    if len(homes) > 1 and () not in homes:
        listed = ", ".join(sorted(map("/".join, homes)))
        raise InputError(
            f"{root}: several folders hold Parquet files: {listed}; give the path of one of them"
        )
    return [file for file in files if file.home == min(homes)]


def _file(root: Path, path: Path) -> _File:
    """Return a Parquet file with the names in its path that can identify its part."""
    folders = path.relative_to(root).parts[:-1]
    split = _SPLIT.match(path.stem)
    name = split[1] if split else re.sub(r"[-._ 0-9]+$", "", path.stem)
    pattern = f"{name}{path.stem[split.end() - 9 : split.end()] if split else '*'}.parquet"
    if not (folders and part_within(folders[-1])):
        return _File(path, folders, name, split is not None, pattern)
    *home, inner = folders
    if part_named(name):
        return _File(path, tuple(home), name, split is not None, f"{inner}/{pattern}")
    return _File(path, tuple(home), inner, False, f"{inner}/")


def _parts(
    root: Path, files: list[_File], part_of: Callable[[str], str | None]
) -> dict[str, list[Path]]:
    """Return the files of each part; raise an error if two names or series fit one part."""
    found: dict[str, list[_File]] = defaultdict(list)
    for file in files:
        if (part := part_of(file.name)) is not None:
            found[part].append(file)
    check_one_each(root, {part: [file.pattern for file in some] for part, some in found.items()})
    return {part: [file.path for file in some] for part, some in found.items()}


def check_complete(files: list[Path]) -> None:
    """Raise an error if a file of a numbered series is missing."""
    for file in files:
        if match := re.search(r"-(\d{5})-of-(\d{5})\.parquet$", file.name):
            stem, count = file.name[: match.start()], int(match[2])
            for number in range(count):
                expected = file.with_name(f"{stem}-{number:05}-of-{count:05}.parquet")
                if expected not in files:
                    raise InputError(f"{expected} is missing: {file.name} is one of {count} files")


def check_unpacked(metadata: pq.FileMetaData, size: int) -> None:
    """Raise an error if the metadata of a file describe a decompression bomb.

    Args:
        metadata: Metadata of the file.
        size: Size of the file in bytes.

    Raises:
        ValueError: If it has more rows than bytes, or unpacks to more than 256 MiB and more than
            100 times its size.
    """
    if metadata.num_rows > size:
        raise ValueError(f"its {size:,} bytes would hold {metadata.num_rows:,} rows")
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    if (unpacked := sum(group.total_byte_size for group in groups)) > max(
        MAX_UNPACKED, MAX_RATIO * size
    ):
        raise ValueError(f"its {size:,} bytes would unpack to {unpacked:,}")


def _table(path: Path) -> Table:
    """Return one file as a table, reading only its metadata."""

    def damaged(error: Exception) -> InputError:
        return InputError(f"{path}: not a readable Parquet file ({' '.join(str(error).split())})")

    def read(column: str) -> Iterator[pa.Array]:
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(_BATCH, columns=[column]):
                    yield batch.column(0)
        except Exception as error:  # a damaged file may raise anything
            raise damaged(error) from None

    try:
        with pq.ParquetFile(path) as file:
            check_unpacked(file.metadata, path.stat().st_size)
            return Table(str(path), file.schema_arrow, file.metadata.num_rows, read)
    except Exception as error:
        raise damaged(error) from None
