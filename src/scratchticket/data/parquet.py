"""Parquet files: a folder in the layout of the hub, or one file."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scratchticket.data.recipe import DataRecipe
from scratchticket.data.source import PARTS, Source, files_digest, part_named
from scratchticket.data.tables import Table, tables_source
from scratchticket.errors import InputError
from scratchticket.files import RATIO, UNPACKED

_BATCH = 256


def parquet_source(path: Path, recipe: DataRecipe) -> Source:
    """Find the parts of a Parquet folder, or of a single file, and read their labels.

    Parts are named by the beginning of a file's name (``train-00000-of-00002.parquet``) or by its
    folder (``test/0.parquet``). Files that name no part are the training part if no file does, and
    else are not read.

    Raises:
        InputError: If a file is damaged or missing, or see :func:`tables_source`.
    """
    root, files = (path, _files(path)) if path.is_dir() else (path.parent, [path])
    parts: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        folder = file.parent.name if file.parent != root else ""
        parts[part_named(file.name) or part_named(folder) or ""].append(file)
    unnamed = parts.pop("", [])
    if len(parts) + bool(unnamed) == 1:  # a single part, whatever it is called
        parts, unnamed = {"train": files}, []
    for part_files in parts.values():
        check_complete(part_files)
    used = [file for part_files in parts.values() for file in part_files]
    listed = ", ".join(file.name for file in unnamed)
    return tables_source(
        str(path),
        {part: [_table(file) for file in parts[part]] for part in PARTS if part in parts},
        partial(files_digest, root, used),
        label_column=recipe.label_column,
        notes=(f"files of no known part, not read: {listed}",) if unnamed else (),
    )


def _files(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder, or of its only subfolder that has some."""
    if files := sorted(folder.glob("*.parquet")):
        return files
    files = sorted(folder.glob("*/*.parquet"))
    others = {file.parent.name for file in files if part_named(file.parent.name) is None}
    if len(others) > 1:
        raise InputError(
            f"{folder}: several folders hold Parquet files: {', '.join(sorted(others))}; "
            "give the path of one of them"
        )
    return files


def check_complete(files: list[Path]) -> None:
    """Raise if a file of a numbered series is missing."""
    for file in files:
        if match := re.search(r"-(\d{5})-of-(\d{5})\.parquet$", file.name):
            stem, count = file.name[: match.start()], int(match[2])
            for number in range(count):
                expected = file.with_name(f"{stem}-{number:05}-of-{count:05}.parquet")
                if expected not in files:
                    raise InputError(f"{expected} is missing: {file.name} is one of {count}")


def check_unpacked(metadata: pq.FileMetaData, size: int) -> None:
    """Refuse a file that says of itself that it holds far more than images are worth.

    Args:
        metadata: Of the file.
        size: Of the file, in bytes.

    Raises:
        ValueError: If it has more rows than bytes, or unpacks to more than 256 MiB and more than
            100 times its size.
    """
    if metadata.num_rows > size:
        raise ValueError(f"its {size:,} bytes would hold {metadata.num_rows:,} rows")
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    if (unpacked := sum(group.total_byte_size for group in groups)) > max(UNPACKED, RATIO * size):
        raise ValueError(f"its {size:,} bytes would unpack to {unpacked:,}")


def _table(path: Path) -> Table:
    """Open one file."""

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
