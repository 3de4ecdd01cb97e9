"""Data sets in tables: Parquet files, or downloads of the ``datasets`` library."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scratchticket.base.errors import InputError
from scratchticket.data.columns import Columns, choose_columns, is_integer
from scratchticket.data.source import FileHash, Integers, Part, Source


@dataclass(frozen=True, eq=False)
class Table:
    """A table that is read in batches of rows.

    Attributes:
        name: Name of its file, for messages.
        schema: Columns and metadata.
        rows: Number of rows.
        read: Function that returns the batches of a column.
    """

    name: str
    schema: pa.Schema
    rows: int
    read: Callable[[str], Iterator[pa.Array]]


def tables_source(
    name: str,
    parts: Mapping[str, Sequence[Table]],
    digest: Callable[[FileHash], str],
    *,
    label_column: str | None,
    notes: tuple[str, ...] = (),
) -> Source:
    """Return the source of a data set stored in tables with the same columns.

    Raises:
        InputError: If columns are missing, ambiguous or different between tables, or a label is
            missing.
    """
    tables = [table for part in parts.values() for table in part]
    columns = choose_columns(tables[0].schema, label_column, tables[0].name)
    for table in tables[1:]:
        other = choose_columns(table.schema, columns.label, table.name)
        if (other.image, other.classes) != (columns.image, columns.classes):
            raise InputError(
                f"{table.name}: image column or class names differ from those of {tables[0].name}"
            )
    if columns.extra:
        notes += (f"columns not used: {', '.join(columns.extra)}",)
    read = {key: _part(part, columns) for key, part in parts.items()}
    return Source(name, read, columns.classes, digest, notes)


def _part(tables: Sequence[Table], columns: Columns) -> Part:
    """Return a part with its labels read and its images not yet read."""
    ends = list(accumulate(table.rows for table in tables))

    def where(index: int) -> str:
        number = bisect_right(ends, index)
        row = index - (ends[number - 1] if number else 0)
        return f"{tables[number].name}, row {row} (counted from 0)"

    def pictures() -> Iterator[bytes | None]:
        for piece in _pieces(tables, columns.image):
            struct = pa.types.is_struct(piece.type)
            yield from (pc.struct_field(piece, "bytes") if struct else piece).to_pylist()

    return Part(_labels(tables, columns.label, where), pictures, where)


def _labels(
    tables: Sequence[Table], column: str, where: Callable[[int], str]
) -> Integers | list[str]:
    """Return the labels of a part."""
    integers = is_integer(tables[0].schema.field(column).type)
    kind = pa.int64() if integers else pa.string()
    try:
        pieces = [piece.cast(kind) for piece in _pieces(tables, column)]
    except pa.ArrowInvalid as error:
        raise InputError(f"{tables[0].name}: column {column} holds no labels ({error})") from None
    labels = pa.chunked_array(pieces, type=kind)
    if labels.null_count:
        empty = labels.is_null().to_numpy()
        raise InputError(f"{where(int(np.argmax(empty)))}: there is no label")
    return np.asarray(labels) if integers else list(labels.to_pylist())


def _pieces(tables: Sequence[Table], column: str) -> Iterator[pa.Array]:
    """Yield the batches of a column of all tables, and check the numbers of rows."""
    for table in tables:
        rows = 0
        for piece in table.read(column):
            rows += len(piece)
            yield piece
        if rows != table.rows:
            raise InputError(
                f"{table.name} is damaged: column {column} has {rows} of {table.rows} rows"
            )
