"""Small images and files of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scratchticket.base.rng import Array

Encode = Callable[..., bytes]
WriteTable = Callable[..., Path]


@pytest.fixture(scope="session")
def pictures() -> Array:
    """Forty different colour images, ``(n, height, width, channel)``."""
    return np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def encode() -> Encode:
    """Return a function that encodes an array or a PIL image."""

    def encoded(image: Array | Image.Image, kind: str = "png", **options: Any) -> bytes:
        picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
        file = io.BytesIO()
        picture.save(file, kind, **options)
        return file.getvalue()

    return encoded


@pytest.fixture(scope="session")
def write_table(encode: Encode) -> WriteTable:
    """Return a function that writes Parquet as the ``datasets`` library does."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def write(
        path: Path,
        images: Sequence[Array | bytes],
        columns: dict[str, Sequence[Any]],
        *,
        classes: dict[str, Sequence[str]] | None = None,
        image: str = "image",
    ) -> Path:
        rows = [
            {"bytes": picture if isinstance(picture, bytes) else encode(picture), "path": None}
            for picture in images
        ]
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        table = pa.table({image: pa.array(rows, kind), **columns})
        features: dict[str, Any] = {image: {"_type": "Image"}}
        for name, values in columns.items():
            features[name] = {"dtype": str(pa.array(values).type), "_type": "Value"}
        for name, names in (classes or {}).items():
            features[name] = {"names": list(names), "_type": "ClassLabel"}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table.replace_schema_metadata(metadata), path)
        return path

    return write
