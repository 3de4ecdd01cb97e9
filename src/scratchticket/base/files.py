"""Atomic writes, and safe reading of files and JSON from untrusted sources."""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from contextlib import suppress
from errno import EISDIR
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, BinaryIO, NoReturn
from zipfile import ZipFile

from scratchticket.base.errors import InputError, Unwritable

MAX_JSON = 256 << 20  # bytes of a JSON file
MAX_UNPACKED = 256 << 20  # bytes to which an archive may unpack, however small it is
MAX_RATIO = 100  # largest ratio of unpacked to packed size beyond MAX_UNPACKED
MAX_NESTING = 64  # depth of lists and objects
MAX_DIGITS = 20  # characters of an integer, sign included, enough for 64 bits


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file under a temporary name, sync it to disk, then rename it.

    A crash at any moment leaves either the old or the new file. A process that is killed may also
    leave the temporary file, see :func:`remove_unfinished`.

    Raises:
        InputError: If the path has no file name.
        Unwritable: If the folder does not exist or cannot be written, or the disk is full.
    """
    temporary = _temporary(path)
    try:
        data = content.encode() if isinstance(content, str) else content
    except UnicodeEncodeError:
        raise InputError(f"cannot write {path}: a name in it is not UTF-8") from None
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


def check_writable(path: Path) -> None:
    """Raise an error for a path that cannot be written, before its content is computed.

    Raises:
        InputError: If the path has no file name.
        Unwritable: If it is a folder, or its folder does not exist or is not writable.
    """
    temporary = _temporary(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        temporary.touch()
        temporary.unlink()
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {error.strerror}") from None


def _temporary(path: Path) -> Path:
    """Return the temporary path of a file while it is written."""
    if not path.name:
        raise InputError(f"cannot write {str(path)!r}: it has no file name")
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")


def check_text(text: str, what: str) -> None:
    """Raise an error for text that is not UTF-8, which tickets and records cannot store.

    Args:
        text: Text to store.
        what: Name of the text for the message.

    Raises:
        InputError: If the text cannot be encoded in UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{what} {text!r} is not UTF-8; give it another name") from None


def remove_unfinished(folder: Path) -> None:
    """Remove temporary files of killed processes; no other process may be writing there."""
    for file in folder.glob(".*.tmp"):
        with suppress(OSError):
            file.unlink()


def read_bytes(path: Path, what: str, limit: int | None = None) -> bytes:
    """Return the content of a file.

    Args:
        path: A regular file, since a pipe or a device may never end.
        what: Kind of file, for messages.
        limit: Largest number of bytes; None for any.

    Raises:
        InputError: If it does not exist, is not a regular file, is too large or cannot be read.
    """
    try:
        status = path.stat()
        regular, size = S_ISREG(status.st_mode), status.st_size
        if regular and (limit is None or size <= limit):
            return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no such {what}: {path}") from None
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        why = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {what} {path}: {why}") from None
    why = f"it has {size:,} bytes, more than {limit:,}" if regular else "it is not a regular file"
    if S_ISDIR(status.st_mode):
        why = "it is a folder; name a file in it"
    raise InputError(f"cannot read {what} {path}: {why}")


def check_archive(file: BinaryIO, size: int) -> None:
    """Raise an error for a zip bomb.

    Args:
        file: The archive; afterwards its position is at the beginning.
        size: Size of the archive in bytes.

    Raises:
        ValueError: If it unpacks to more than 256 MiB and more than 100 times its size.
        BadZipFile: If it is not a zip archive.
    """
    with ZipFile(file) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    file.seek(0)
    if unpacked > max(MAX_UNPACKED, MAX_RATIO * size):
        raise ValueError(f"its {size:,} bytes would unpack to {unpacked:,}")


def parsed_json(content: bytes | str) -> Any:
    """Return the value of JSON from an untrusted source.

    Rejects JSON that other parsers read differently or that fails later: duplicate names in an
    object, NaN and infinity, numbers too large for a float or a 64-bit integer, unpaired
    surrogates, text that is not UTF-8, and nesting deeper than 64.

    Raises:
        ValueError: If the JSON is rejected; the message is one line.

    Example:
        >>> parsed_json('{"ratio": 0.1, "ratio": 1}')
        Traceback (most recent call last):
        ValueError: 'ratio' occurs twice
    """
    text = content if isinstance(content, str) else content.decode("utf-8")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_once,
            parse_constant=_refused,
            parse_float=_finite,
            parse_int=_integer,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level: list[Any] = [value]
    for _ in range(MAX_NESTING + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    raise ValueError("it is nested too deeply")


def _inside(value: Any) -> list[Any]:
    """Return the values inside a list or object, names included; check strings."""
    if isinstance(value, str):
        value.encode()  # raises a ValueError for an unpaired surrogate
        return []
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object with these names and values; reject duplicate names."""
    value = dict(pairs)
    if len(value) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"{twice[:40]!r} occurs twice")
    return value


def _finite(text: str) -> float:
    """Return a number as a float; reject one that is too large."""
    if abs(value := float(text)) == float("inf"):
        _refused(text)
    return value


def _integer(text: str) -> int:
    """Return an integer; reject one that is clearly too large for 64 bits."""
    return int(text) if len(text) <= MAX_DIGITS else _refused(text)


def _refused(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is not a number that can be read")


def canonical_json(value: Any) -> str:
    """Return canonical JSON of a value: sorted keys, no spaces, ASCII, finite numbers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def printable(text: object) -> str:
    r"""Return text with control characters and line breaks escaped, safe for a terminal.

    Example:
        >>> print(printable("cat\n\x1b[2J"))
        cat\n\x1b[2J
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))
