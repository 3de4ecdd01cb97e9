"""The tickets that come with the package, from its own studies."""

from __future__ import annotations

from pathlib import Path

from scratchticket.base.errors import unknown

_HOME = Path(__file__).parent
_ENDING = ".safetensors"


def names() -> list[str]:
    """Return the names of all tickets, ``STUDY/TICKET``, such as ``digits-seed2/ticket``."""
    files = _HOME.glob(f"*/*{_ENDING}")
    return sorted(f"{file.parent.name}/{file.name.removesuffix(_ENDING)}" for file in files)


def path_of(name: str) -> Path:
    """Return the file of a ticket.

    Raises:
        InputError: If the name is unknown.
    """
    if name not in names():
        raise unknown("ticket of the gallery", name, names())
    return _HOME / f"{name}{_ENDING}"
