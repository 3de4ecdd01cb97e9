"""Files that are either whole or not there, and JSON that anybody may have written."""

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

MAX_JSON = 256 << 20  # bytes of a file of records
UNPACKED, RATIO = 256 << 20, 100  # bytes of an archive that nobody minds, and times its own size
MAX_NESTING = 64  # of lists and objects
MAX_DIGITS = 20  # of an integer, its sign included: 64 bits have no more


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file under a temporary name, force it to the disk, then rename it.

    A crash at any moment leaves either the old file or the new one; only one that leaves no time
    for anything leaves the temporary file too, see :func:`remove_unfinished`.

    Raises:
        InputError: If it names no file.
        Unwritable: If the folder does not exist or cannot be written, or the disk is full.
    """
    temporary = _temporary(path)
    try:
        data = content.encode() if isinstance(content, str) else content
    except UnicodeEncodeError:
        raise InputError(f"cannot write {path}: a name it shall hold is no UTF-8") from None
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
    """Refuse a file that could not be written, before anything is computed for it.

    Raises:
        InputError: If it names no file.
        Unwritable: If it is a folder, or its folder does not exist or cannot be written.
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
    """Return what a file is called while it is written.

    Raises:
        InputError: If the path names no file.
    """
    if not path.name:
        raise InputError(f"cannot write {str(path)!r}: it names no file")
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")


def check_text(text: str, what: str) -> None:
    """Refuse text that no ticket or record can hold: a file's name may be no UTF-8.

    Args:
        text: What shall be stored.
        what: What it is, for the message.

    Raises:
        InputError: If it is no UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{what} {text!r} is no UTF-8; give it another name") from None


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files that killed processes left; no other may be writing there."""
    for file in folder.glob(".*.tmp"):
        with suppress(OSError):
            file.unlink()


def read_bytes(path: Path, what: str, limit: int | None = None) -> bytes:
    """Read a whole file.

    Args:
        path: The file; a pipe or a device is none, for it may never end.
        what: What it is called in a message.
        limit: Bytes it may have; any number if not given.

    Raises:
        InputError: If it does not exist, is no file, is too large or cannot be read.
    """
    try:
        found = path.stat()
        whole, size = S_ISREG(found.st_mode), found.st_size
        if whole and (limit is None or size <= limit):
            return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no such {what}: {path}") from None
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        why = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {what} {path}: {why}") from None
    why = f"it has {size:,} bytes, more than {limit:,}" if whole else "it is no regular file"
    if S_ISDIR(found.st_mode):
        why = "it is a folder; name a file in it"
    raise InputError(f"cannot read {what} {path}: {why}")


def check_archive(file: BinaryIO, size: int) -> None:
    """Refuse a zip archive that unpacks to far more than images or weights are worth.

    Args:
        file: The archive; it is left at its beginning.
        size: Of the archive, in bytes.

    Raises:
        ValueError: If it unpacks to more than 256 MiB and more than 100 times its size.
        BadZipFile: If it is no archive.
    """
    with ZipFile(file) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    file.seek(0)
    if unpacked > max(UNPACKED, RATIO * size):
        raise ValueError(f"its {size:,} bytes would unpack to {unpacked:,}")


def parsed_json(content: bytes | str) -> Any:
    """Read JSON that anybody may have written.

    Refused is what other readers take for something else, or what would fail later: two values
    under one name, NaN and infinity, numbers that no float or 64-bit integer holds, half a
    surrogate pair, text that is no UTF-8, lists and objects nested more than 64 deep.

    Raises:
        ValueError: If it is no such JSON; the message is one line.

    Example:
        >>> parsed_json('{"ratio": 0.1, "ratio": 1}')
        Traceback (most recent call last):
        ValueError: 'ratio' is there twice
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
    """Return what a value holds that may hold more; text is looked at."""
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is a ValueError
        return []
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose names are all different."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"{twice[:40]!r} is there twice")
    return found


def _finite(text: str) -> float:
    """Read a number that a float can hold."""
    if abs(value := float(text)) == float("inf"):
        _refused(text)
    return value


def _integer(text: str) -> int:
    """Read an integer that 64 bits can hold, or nearly."""
    return int(text) if len(text) <= MAX_DIGITS else _refused(text)


def _refused(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is no number that can be read")


def canonical_json(value: Any) -> str:
    """Write a value as canonical JSON: sorted keys, no spaces, ASCII, finite numbers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def printable(text: object) -> str:
    r"""Return text of a file without characters that would command a terminal or break a line.

    Example:
        >>> print(printable("cat\n\x1b[2J"))
        cat\n\x1b[2J
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))
