"""The journal of an evaluation on disk: one JSON line per finished piece of work.

A piece is one attack on one batch of images. Its result, the *finding*, depends only on the plan.
So an evaluation can be killed at any moment and resumed, and its pieces can be shared among
processes and machines, each with its own journal in a common folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from scratchticket.base.errors import Busy, InputError, OtherEvaluation, Unwritable
from scratchticket.base.files import MAX_JSON, canonical_json, parsed_json, printable, read_bytes

Piece = tuple[str, int]  # name and batch
Finding = dict[str, Any]


class Journal:
    """Findings by piece, in memory and, with a path, in an append-only file.

    Args:
        plan: JSON values that determine every finding.
        path: File of this process, in an existing folder.
        others: Journals of other processes with the same plan.

    Raises:
        OtherEvaluation: If a file has another plan.
        Busy: If another process is writing the file.
        InputError: If a file is not a journal.
    """

    def __init__(
        self, plan: Mapping[str, Any], path: Path | None = None, others: Iterable[Path] = ()
    ) -> None:
        self._plan = json.loads(canonical_json(plan))
        self._findings: dict[Piece, Finding] = {}
        self._origins: dict[Piece, Path] = {}
        self._path = path
        self.read(others)
        self._file: IO[bytes] | None = None
        if path is not None:
            self._open(path)

    def __contains__(self, piece: Piece) -> bool:
        return piece in self._findings

    def __getitem__(self, piece: Piece) -> Finding:
        return self._findings[piece]

    @property
    def findings(self) -> Mapping[Piece, Finding]:
        """All findings, by piece."""
        return self._findings

    def update(self, findings: Mapping[Piece, Finding]) -> None:
        """Add the findings of other processes, without writing them."""
        self._findings = {**findings, **self._findings}

    def read(self, others: Iterable[Path]) -> None:
        """Read the findings of other processes so far.

        Raises:
            OtherEvaluation: If a file has another plan.
            InputError: If a file is not a journal.
        """
        for other in others:
            if other != self._path:
                self._read(other)

    def add(self, piece: Piece, finding: Finding) -> None:
        """Add a finding, and sync it to disk."""
        self._findings[piece] = finding
        if self._file is not None:
            self._write({"piece": list(piece), **finding})

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):  # a failed write has raised already
                self._file.close()
            self._file = None

    def _write(self, value: Mapping[str, Any]) -> None:
        assert self._file is not None
        try:
            self._file.write(canonical_json(value).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise Unwritable(f"cannot write {self._file.name}: {error.strerror}") from None

    def _open(self, path: Path) -> None:
        """Open a journal for writing, read it, and cut off an unfinished last line."""
        if path.is_symlink():
            raise InputError(f"{path} is a link; a journal must be a file of its own")
        try:
            self._file = path.open("ab")
            _lock(self._file, path)
            whole = self._read(path)
            self._file.truncate(whole)
            if whole == 0:
                self._write({"plan": self._plan})
        except OSError as error:
            self.close()
            raise Unwritable(f"cannot write {path}: {error.strerror}") from None
        except InputError:
            self.close()
            raise

    def _read(self, path: Path) -> int:
        """Read the findings in a file; return the number of bytes in complete lines."""
        content = read_bytes(path, "journal", MAX_JSON)
        whole = content.rfind(b"\n") + 1
        lines = content[:whole].splitlines()
        try:
            values = [parsed_json(line) for line in lines]
            plan = dict(values[0]["plan"]) if values else self._plan
            pieces = {_piece(value.pop("piece")): value for value in values[1:]}
        except (AttributeError, LookupError, TypeError, ValueError):
            raise InputError(f"{path} is damaged: not a journal of an evaluation") from None
        if plan != self._plan:
            difference = _difference(plan, self._plan)
            raise OtherEvaluation(f"{path} belongs to another evaluation, {printable(difference)}")
        for piece, finding in pieces.items():
            self._findings.setdefault(piece, finding)
            self._origins.setdefault(piece, path)
        return whole

    def origin(self, piece: Piece) -> str:
        """Return the file that a finding was read from, for messages."""
        return str(self._origins.get(piece, "the journal"))


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return the first difference between two plans, in words."""
    for name, value in new.items():
        if old.get(name) != value:
            return f"with {name} {_short(old.get(name))} instead of {_short(value)}"
    return "with other settings or of another version"


def _piece(value: Any) -> Piece:
    """Return a piece from its JSON form."""
    name, batch = value
    if not isinstance(name, str) or type(batch) is not int:
        raise TypeError("not a piece")
    return name, batch


def _short(value: object) -> str:
    if isinstance(value, dict) and "total" in value:  # images, and their hash
        return f"{value['total']} (hash {str(value.get('sha256'))[:8]})"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _lock(file: IO[bytes], path: Path) -> None:
    """Lock a file; raise Busy if another process holds the lock. Without locks, do nothing."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(f"another process is writing {path}; wait until it has ended") from None
    except OSError:  # a file system without locks
        return
