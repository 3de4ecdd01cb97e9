"""Import of a user's own network by its name on the command line."""

from __future__ import annotations

import sys
from pathlib import Path


def import_network(name: str | None, *, builtin: bool = False) -> None:
    """Import the code of a network, ``package.module:factory`` or ``timm:NAME``.

    Modules in the current folder can be imported too, as with ``python -m``.

    Args:
        name: Name of the network; nothing is imported if None.
        builtin: Whether the name may be a built-in network's, which needs no import.

    Raises:
        InputError: If the code cannot be imported.
    """
    if name is None or (builtin and ":" not in name):
        return
    from scratchticket.networks import import_factory

    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    import_factory(name)
