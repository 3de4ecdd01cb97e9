"""Where a ticket file is: on the disk, in this package's gallery, or on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from scratchticket import gallery
from scratchticket.tickets.hub import fetched

GALLERY, HUB = "gallery:", "hub:"


def elsewhere(place: str | Path) -> bool:
    """Whether a place is no path of the user's."""
    return str(place).startswith((GALLERY, HUB))


def short(place: Path) -> str:
    """Return what a file is called, without folder and ending."""
    return place.name if elsewhere(place) else place.stem


def local(place: str | Path) -> Path:
    """Return the file at a place.

    Args:
        place: A path; ``gallery:NAME``, a ticket of :mod:`scratchticket.gallery`; or
            ``hub:OWNER/NAME``, a repository that :func:`scratchticket.sharing.push` made, which is
            downloaded unless it was before.

    Raises:
        InputError: If there is no such ticket in the gallery or on the hub.
    """
    text = str(place)
    if text.startswith(GALLERY):
        return gallery.path_of(text.removeprefix(GALLERY))
    if text.startswith(HUB):
        return fetched(text.removeprefix(HUB))
    return Path(place)
