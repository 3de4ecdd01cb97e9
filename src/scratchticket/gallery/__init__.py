"""Tickets that come with the package: those of our own studies, kilobytes each."""

from __future__ import annotations

from pathlib import Path

from scratchticket.base.errors import unknown

_HOME = Path(__file__).parent
_ENDING = ".safetensors"


def names() -> list[str]:
    """Return the names of all tickets: study and seed, a slash, the row of the study."""
    files = _HOME.glob(f"*/*{_ENDING}")
    return sorted(f"{file.parent.name}/{file.name.removesuffix(_ENDING)}" for file in files)


def path_of(name: str) -> Path:
    """Return the file of a ticket.

    Raises:
        InputError: If there is none of this name.
    """
    if name not in names():
        raise unknown("ticket of the gallery", name, names())
    return _HOME / f"{name}{_ENDING}"
