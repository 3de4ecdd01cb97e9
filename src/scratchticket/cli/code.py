"""Networks of the user's own, named on the command line."""

from __future__ import annotations

import sys
from pathlib import Path


def import_network(name: str | None, *, builtin: bool = False) -> None:
    """Import a network's code, ``package.module:factory`` or ``timm:NAME``.

    Modules in the current folder are found, as they are with ``python -m``.

    Args:
        name: As the user wrote it; none to do nothing.
        builtin: Whether the name may be that of a built-in network, which needs no import.

    Raises:
        InputError: If there is no such code.
    """
    if name is None or (builtin and ":" not in name):
        return
    from scratchticket.networks import import_factory

    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    import_factory(name)
