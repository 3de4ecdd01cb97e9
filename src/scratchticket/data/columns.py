"""Choose the image column and the label column of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from scratchticket.base.errors import InputError
from scratchticket.base.files import parsed_json


@dataclass(frozen=True)
class Columns:
    """The columns of a table.

    Attributes:
        image: Name of the image column.
        label: Name of the label column.
        classes: Class names, if the table's metadata holds them.
        extra: Columns that are not used.
    """

    image: str
    label: str
    classes: tuple[str, ...] | None
    extra: tuple[str, ...]


def choose_columns(schema: pa.Schema, label_column: str | None, where: str) -> Columns:
    """Return the image and the label column of a table, found by their types.

    The image column is binary, or a struct with a binary field ``bytes`` as the ``datasets``
    library writes it. The label column is ``label_column``, or else the only column with class
    names, or else the only column of integers or of text.

    Args:
        schema: The table's columns, with any metadata of the ``datasets`` library.
        label_column: Name of the label column, if the user chose one.
        where: Name of the table, for messages.

    Raises:
        InputError: If there is not exactly one candidate, or ``label_column`` cannot hold labels.
    """
    images = [field.name for field in schema if is_binary(_content(field.type))]
    if len(images) != 1:
        raise InputError(
            f"{where}: expected one column of encoded images, found {len(images)}; "
            f"its columns: {', '.join(schema.names)}"
        )
    names = _class_names(schema)
    plain = [field.name for field in schema if is_integer(field.type) or is_text(field.type)]
    label = _label_column(plain, list(names), label_column, where)
    extra = tuple(name for name in schema.names if name not in (*images, label))
    return Columns(images[0], label, names.get(label), extra)


def is_binary(kind: pa.DataType) -> bool:
    """Return whether columns of this type hold bytes."""
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def is_integer(kind: pa.DataType) -> bool:
    """Return whether columns of this type hold integers."""
    return bool(pa.types.is_integer(kind))


def is_text(kind: pa.DataType) -> bool:
    """Return whether columns of this type hold text, plain or as a pandas category."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value))


def _content(kind: pa.DataType) -> pa.DataType:
    """Return the type of a struct's field ``bytes``; other types unchanged."""
    if pa.types.is_struct(kind) and (index := kind.get_field_index("bytes")) >= 0:
        return kind.field(index).type
    return kind


def _label_column(plain: list[str], named: list[str], chosen: str | None, where: str) -> str:
    """Return the name of the label column."""
    advice = "choose one with --label-column (label_column in Python)"
    if chosen is not None:
        if chosen not in plain:
            raise InputError(
                f"{where}: {chosen!r} is not a column of integers or text; "
                f"the columns that are: {', '.join(plain) or 'none'}"
            )
        return chosen
    candidates = named or plain
    if not candidates:
        raise InputError(f"{where}: no label column; expected one of integers or text")
    if len(candidates) > 1:
        raise InputError(f"{where}: the label column could be {' or '.join(candidates)}; {advice}")
    return candidates[0]


def _class_names(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """Return the class names in the table's metadata, by integer column."""
    try:
        features = parsed_json(schema.metadata[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    if not isinstance(features, Mapping):
        return {}
    found = {name: _names(feature) for name, feature in features.items()}
    integers = {field.name for field in schema if is_integer(field.type)}
    return {name: names for name, names in found.items() if names and name in integers}


def _names(feature: Any) -> tuple[str, ...]:
    """Return the class names of a ``ClassLabel`` feature; empty for any other feature."""
    if not isinstance(feature, Mapping) or feature.get("_type") != "ClassLabel":
        return ()
    names = feature.get("names")
    return tuple(str(name) for name in names) if isinstance(names, list) else ()
