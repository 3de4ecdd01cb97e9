"""Plug-ins: networks, attacks, patterns, data and searches of other packages.

They are found through entry points, which a package declares in its ``pyproject.toml``::

    [project.entry-points."scratchticket.networks"]
    mlp = "mypackage.networks:mlp"

``mlp`` can then be used like ``resnet18``. The code is imported when its name is used.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from scratchticket.base.errors import InputError, first_line

Kind = Literal["networks", "attacks", "patterns", "data", "searches"]


@cache
def _points(kind: Kind) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"scratchticket.{kind}")}


def plugin_names(kind: Kind) -> list[str]:
    """Return the names of the installed plug-ins of a kind."""
    return sorted(_points(kind))


def plugin(kind: Kind, name: str) -> Any:
    """Import and return the plug-in with this name; None if no installed package declares it.

    Raises:
        InputError: If its package cannot be imported.
    """
    if (point := _points(kind).get(name)) is None:
        return None
    try:
        return point.load()
    except Exception as error:  # plug-in code may raise anything
        raise InputError(f"cannot import the plug-in {point.value}: {first_line(error)}") from error
