"""Files that are either whole or not there."""

from __future__ import annotations

import json
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from scratchticket.errors import InputError, Unwritable


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file under a temporary name, force it to the disk, then rename it.

    A crash at any moment leaves either the old file or the new one; only one that leaves no time
    for anything leaves the temporary file too, see :func:`remove_unfinished`.

    Raises:
        InputError: If it names no file.
        Unwritable: If the folder does not exist or cannot be written, or the disk is full.
    """
    data = content.encode() if isinstance(content, str) else content
    if not path.name:
        raise InputError(f"cannot write {str(path)!r}: it names no file")
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise Unwritable(f"cannot write {path}: {error.strerror}") from None
        raise


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files that killed processes left; no other may be writing there."""
    for file in folder.glob(".*.tmp"):
        with suppress(OSError):
            file.unlink()


def read_bytes(path: Path, what: str) -> bytes:
    """Read a whole file.

    Raises:
        InputError: If it does not exist, is a folder or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no such {what}: {path}") from None
    except OSError as error:
        raise InputError(f"cannot read {what} {path}: {error.strerror}") from None


def canonical_json(value: Any) -> str:
    """Write a value as canonical JSON: sorted keys, no spaces, ASCII, finite numbers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
