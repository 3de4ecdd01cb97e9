"""A lease: the right to work in a folder, held by one process at a time.

The folder may lie on a file system that several machines share. A lease is a file ``lease-N``,
made by an operation that only one process can succeed in; its holder renews it, and when it has
not been renewed for a minute, or its process is known to be dead, anyone may make ``lease-N+1``
and is then the holder. A process that is known to be alive, and may only wait for a slow disk, has
ten minutes. One that was stopped and wakes up finds its token gone.
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
PATIENCE = 10  # times as long for a process that is known to be alive
RENEWS = 10.0
_NAME = re.compile(r"lease-(\d{1,9})")
_PROBE = ".clock-{}"


class LeaseLost(ScratchticketError):
    """Somebody else has taken the folder: this process was away for too long."""


class Lease:
    """A lease that this process holds.

    Args:
        path: Its file, which holds ``token``.
        token: Tells it from every other.
        number: How many processes have held the folder since it was last released, this included.
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
        """Whether somebody else may have taken the folder: time to stop."""
        return self._lost.is_set()

    def release(self) -> None:
        """Give the folder back."""
        self._released.set()
        self._thread.join()
        with suppress(OSError):  # where nothing can be removed, it expires
            for probe in self.path.parent.glob(_PROBE.format("*")):  # of killed processes
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
                continue  # a file system that is away for a while; others see the lease expire


def take(folder: Path, expires: float = EXPIRES, renews: float = RENEWS) -> Lease | None:
    """Take the lease of a folder; none if somebody has it.

    Args:
        folder: Is made if it is not there; what killed processes left half-written is removed.
        expires: After how many seconds without renewal somebody else's is void.
        renews: Seconds between renewals of this one.

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
            path.unlink(missing_ok=True)  # a lease of nobody would count until it expires
            raise
        for file_ in old.values():
            file_.unlink(missing_ok=True)
        if _token(path) != token:
            return None  # writing took so long that somebody has taken it meanwhile
        if len(_files(folder)) > 1:  # looking took so long that others have taken and released it
            path.unlink(missing_ok=True)
            return None
        remove_unfinished(folder)
    except OSError as error:
        raise Unwritable(f"cannot use folder {folder}: {error.strerror}") from None
    return Lease(path, token, last + 1, renews)


@contextmanager
def held_alone(folder: Path) -> Iterator[Lease]:
    """Hold the lease of a folder, or say who does.

    Raises:
        InputError: If another process holds it.
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
    """Whether a process holds the lease of a folder."""
    files = _files(folder)
    return bool(files) and _alive(files[max(files)], expires)


def _files(folder: Path) -> dict[int, Path]:
    """Return the leases in a folder by number."""
    try:
        paths = list(folder.iterdir())
    except OSError:
        return {}
    return {int(found[1]): path for path in paths if (found := _NAME.fullmatch(path.name))}


def _alive(path: Path, expires: float) -> bool:
    """Whether a lease counts: it was renewed lately, and its process is not known to be dead."""
    try:
        now = _now(path.parent)
        with path.open() as file:  # a server is asked anew at opening, not at every stat
            age = now - os.fstat(file.fileno()).st_mtime
    except (IsADirectoryError, PermissionError):
        with suppress(OSError):
            return now - path.stat().st_mtime <= expires
        return True
    except OSError:
        return True  # released or taken this moment
    facts = _facts(path)
    if facts.get("host") != _host() or not isinstance(facts.get("pid"), int):
        return age <= expires
    if (began := _began(facts["pid"])) != facts.get("began"):
        return False
    known = bool(began) and not _stopped(facts["pid"])
    return age <= (PATIENCE * expires if known else expires)


def _now(folder: Path) -> float:
    """Return the time on the clock of the file system, which need not be this machine's."""
    probe = folder / _PROBE.format(uuid.uuid4().hex)
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()  # nothing can be written: only somebody who looks asks
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _facts(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        read = parsed_json(path.read_bytes())
        if isinstance(read, dict):
            return read
    return {}


def _holder(folder: Path) -> str:
    """Say who holds the lease of a folder."""
    files = _files(folder)
    facts = _facts(files[max(files)]) if files else {}
    if not {"pid", "host"} <= facts.keys():
        return "another process"
    host = str(facts["host"]).split(" ", maxsplit=1)[0]
    where = "this machine" if facts["host"] == _host() else host
    return f"process {facts['pid']} of {where}"


def _token(path: Path) -> str | None:
    """Return the token in a lease; none if the lease is gone.

    Raises:
        OSError: If the file system cannot say.
    """
    try:
        read = parsed_json(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return read.get("token") if isinstance(read, dict) else None


def _host() -> str:
    """Return what tells the processes of one system from those of another."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _began(pid: Any = "self") -> str | None:
    """Return when a process of this system began; none if it has ended.

    Where the system does not tell, every process seems to have begun at the same time, and a lease
    lasts until it expires.
    """
    if not Path("/proc/self/stat").exists():
        return ""
    state, *facts = _status(pid)
    return None if state in "ZX" else facts[18]


def _stopped(pid: int) -> bool:
    """Whether a process of this system has been stopped by a signal or a debugger."""
    return _status(pid)[0] in "Tt"


def _status(pid: Any) -> list[str]:
    """Return what the system says of a process, from its state on; ``X`` if it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ["X"]
