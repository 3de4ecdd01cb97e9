"""Locate ticket files: on disk, in this package's gallery, or on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from scratchticket import gallery
from scratchticket.tickets.hub import downloaded

GALLERY, HUB = "gallery:", "hub:"


def is_path(place: str | Path) -> bool:
    """Return whether a place is a path, not a name of the gallery or the hub."""
    return not str(place).startswith((GALLERY, HUB))


def short_name(place: Path) -> str:
    """Return the name of a file without folder and suffix."""
    return place.stem if is_path(place) else place.name


def ticket_path(place: str | Path) -> Path:
    """Return the path of a ticket file, downloading it if necessary.

    Args:
        place: A path; ``gallery:NAME``, a ticket of :mod:`scratchticket.gallery`; or
            ``hub:OWNER/NAME``, a repository made by :func:`scratchticket.sharing.push`.

    Raises:
        InputError: If there is no such ticket in the gallery or on the hub.
    """
    text = str(place)
    if text.startswith(GALLERY):
        return gallery.path_of(text.removeprefix(GALLERY))
    if text.startswith(HUB):
        return downloaded(text.removeprefix(HUB))
    return Path(place)
