"""Read adversarial images from ``.npz`` and Parquet; write them as Parquet."""

from __future__ import annotations

import io
import json
from math import prod
from typing import Any

import numpy as np

from scratchticket.base.errors import InputError, extra_missing
from scratchticket.base.files import check_archive, parsed_json

COLUMNS = ("images", "originals", "labels", "predictions", "distances", "indices")


def read_npz(content: io.BytesIO) -> tuple[dict[str, Any], str]:
    """Return the columns and the metadata of a file; a damaged file may raise any exception."""
    check_archive(content, content.getbuffer().nbytes)
    with np.load(content, allow_pickle=False) as archive:
        return {name: archive[name] for name in COLUMNS}, str(archive["facts"])


def write_parquet(columns: dict[str, Any], metadata: str, content: io.BytesIO) -> None:
    """Write Parquet, one row per image: pixels as lists of floats, the originals as bytes."""
    pa, pq = arrow()
    flat = {
        "image": [image.ravel() for image in columns["images"]],
        "original": [image.tobytes() for image in columns["originals"]],
        "label": columns["labels"],
        "prediction": columns["predictions"],
        "distance": columns["distances"],
        "index": columns["indices"],
    }
    shape = json.dumps(columns["images"].shape[1:])
    table = pa.table(flat).replace_schema_metadata({"facts": metadata, "shape": shape})
    pq.write_table(table, content)


def read_parquet(content: io.BytesIO) -> tuple[dict[str, Any], str]:
    """Return the columns of a file and its metadata; see :func:`read_npz`."""
    _, pq = arrow()
    from scratchticket.data.parquet import check_unpacked

    check_unpacked(pq.ParquetFile(content).metadata, content.getbuffer().nbytes)
    table = pq.read_table(content)
    stored = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    shape = parsed_json(stored["shape"])
    images = np.stack(table["image"].to_numpy())
    originals = b"".join(table["original"].to_pylist())
    if images.shape[1:] != (prod(shape),):
        raise InputError("the images do not have the stated shape")
    columns = {
        "images": images.reshape(-1, *shape),
        "originals": np.frombuffer(bytearray(originals), np.uint8).reshape(-1, *shape),
        "labels": table["label"].to_numpy().copy(),
        "predictions": table["prediction"].to_numpy().copy(),
        "distances": table["distance"].to_numpy().copy(),
        "indices": table["index"].to_numpy().copy(),
    }
    return columns, stored["facts"]


def arrow() -> tuple[Any, Any]:
    """Return the modules ``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        InputError: If pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing("Parquet, unlike .npz,", error, "data") from None
    return pa, pq
