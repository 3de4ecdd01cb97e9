"""A lease: the exclusive right to work in a folder.

The folder may be on a file system shared by several machines. A lease is a file ``lease-N``,
created atomically by one process, its holder, which renews it. If it has not been renewed for a
minute, or its holder is known to be dead, another process may create ``lease-N+1`` and becomes the
holder. If the holder is known to be alive, for example waiting for a slow disk, the limit is ten
minutes. A holder that was suspended and wakes up finds its token gone.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from scratchticket.base.errors import InputError, ScratchticketError, Unwritable
from scratchticket.base.files import parsed_json, remove_unfinished

EXPIRES = 60.0  # seconds without renewal
PATIENCE = 10  # factor on EXPIRES for a process known to be alive
RENEWS = 10.0  # seconds between renewals
_NAME = re.compile(r"lease-(\d{1,9})")
_PROBE = ".clock-{}"  # file created to read the time on the file system's clock


class LeaseLost(ScratchticketError):
    """Another process took the folder, because this one did not renew its lease in time."""


class Lease:
    """A lease held by this process.

    Args:
        path: File of the lease.
        token: Unique identifier in the file.
        number: Number of processes that have held the folder since it was last released, including
            this one.
        renews: Seconds between renewals.
    """

    def __init__(self, path: Path, token: str, number: int, renews: float = RENEWS) -> None:
        self.path, self.number = path, number
        self._token = token
        self._lost, self._released = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._renew, args=(renews,), daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether another process has taken the folder, so that this one must stop."""
        return self._lost.is_set()

    def release(self) -> None:
        """Release the folder."""
        self._released.set()
        self._thread.join()
        with suppress(OSError):  # a lease that cannot be removed expires
            for probe in self.path.parent.glob(_PROBE.format("*")):  # left by killed processes
                probe.unlink(missing_ok=True)
            if _token(self.path) == self._token:
                self.path.unlink()

    def _renew(self, renews: float) -> None:
        while not self._released.wait(renews):
            try:
                if _token(self.path) != self._token:
                    self._lost.set()
                    return
                os.utime(self.path)
            except OSError:
                continue  # the file system is unavailable; others see the lease expire


def take(folder: Path, expires: float = EXPIRES, renews: float = RENEWS) -> Lease | None:
    """Take the lease of a folder; None if another process holds it.

    Args:
        folder: Folder, created if missing; half-written files of killed processes are removed.
        expires: Seconds without renewal after which another process's lease expires.
        renews: Seconds between renewals of the new lease.

    Raises:
        Unwritable: If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        old = _files(folder)
        last = max(old, default=0)
        if old and _alive(old[last], expires):
            return None
        path, token = folder / f"lease-{last + 1}", uuid.uuid4().hex
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return None
        own = {"token": token, "host": _host(), "pid": os.getpid(), "began": _began()}
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(own, file)
        except OSError:
            path.unlink(missing_ok=True)  # an orphaned lease would count until it expires
            raise
        for file_ in old.values():
            file_.unlink(missing_ok=True)
        if _token(path) != token:
            return None  # writing was so slow that another process has taken the folder
        if len(_files(folder)) > 1:  # listing was so slow that others took and released the folder
            path.unlink(missing_ok=True)
            return None
        remove_unfinished(folder)
    except OSError as error:
        raise Unwritable(f"cannot use folder {folder}: {error.strerror}") from None
    return Lease(path, token, last + 1, renews)


@contextmanager
def held_alone(folder: Path) -> Iterator[Lease]:
    """Within the context, hold the lease of a folder.

    Raises:
        InputError: If another process holds it; the message says which.
        Unwritable: If the folder cannot be written.
    """
    lease = take(folder)
    if lease is None:
        raise InputError(
            f"{folder} is in use by {_holder(folder)}; wait until it has ended, or choose another "
            "folder"
        )
    try:
        yield lease
    finally:
        lease.release()


def held(folder: Path, expires: float = EXPIRES) -> bool:
    """Return whether a process holds the lease of a folder."""
    files = _files(folder)
    return bool(files) and _alive(files[max(files)], expires)


def _files(folder: Path) -> dict[int, Path]:
    """Return the leases in a folder, by number."""
    try:
        paths = list(folder.iterdir())
    except OSError:
        return {}
    return {int(found[1]): path for path in paths if (found := _NAME.fullmatch(path.name))}


def _alive(path: Path, expires: float) -> bool:
    """Return whether a lease is valid: renewed in time, and its holder not known to be dead."""
    try:
        now = _now(path.parent)
        with path.open() as file:  # opening queries a file server anew; stat may use a cache
            age = now - os.fstat(file.fileno()).st_mtime
    except (IsADirectoryError, PermissionError):
        with suppress(OSError):
            return now - path.stat().st_mtime <= expires
        return True
    except OSError:
        return True  # being released or taken right now
    facts = _content(path)
    if facts.get("host") != _host() or not isinstance(facts.get("pid"), int):
        return age <= expires
    if (began := _began(facts["pid"])) != facts.get("began"):
        return False
    known = bool(began) and not _stopped(facts["pid"])
    return age <= (PATIENCE * expires if known else expires)


def _now(folder: Path) -> float:
    """Return the time on the file system's clock, which may differ from this machine's."""
    probe = folder / _PROBE.format(uuid.uuid4().hex)
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()  # the folder is read-only: this process is only an observer
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _content(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        read = parsed_json(path.read_bytes())
        if isinstance(read, dict):
            return read
    return {}


def _holder(folder: Path) -> str:
    """Return the holder of a folder's lease, as text."""
    files = _files(folder)
    facts = _content(files[max(files)]) if files else {}
    if not {"pid", "host"} <= facts.keys():
        return "another process"
    host = str(facts["host"]).split(" ", maxsplit=1)[0]
    where = "this machine" if facts["host"] == _host() else host
    return f"process {facts['pid']} of {where}"


def _token(path: Path) -> str | None:
    """Return the token in a lease; None if the lease is gone.

    Raises:
        OSError: If the file system is unavailable.
    """
    try:
        read = parsed_json(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return read.get("token") if isinstance(read, dict) else None


def _host() -> str:
    """Return an identifier of this machine, its boot and its process namespace."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _began(pid: Any = "self") -> str | None:
    """Return the start time of a process on this machine; None if it has ended.

    Without ``/proc`` it is empty for every process, so that a dead holder is noticed only when its
    lease expires.
    """
    if not Path("/proc/self/stat").exists():
        return ""
    state, *facts = _status(pid)
    return None if state in "ZX" else facts[18]


def _stopped(pid: int) -> bool:
    """Return whether a process on this machine is stopped by a signal or a debugger."""
    return _status(pid)[0] in "Tt"


def _status(pid: Any) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; ``X`` if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ["X"]
