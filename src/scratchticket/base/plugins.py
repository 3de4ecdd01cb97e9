"""Networks, attacks, patterns and data of other packages, found through their entry points.

A package that is installed may say, in its ``pyproject.toml``::

    [project.entry-points."scratchticket.networks"]
    mlp = "mypackage.networks:mlp"

and ``mlp`` is then a name as good as ``resnet18``. Nothing is imported before its name is used.
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
    """Return the names that installed packages bring."""
    return sorted(_points(kind))


def plugin(kind: Kind, name: str) -> Any:
    """Return what a name stands for, imported; none if no installed package brings it.

    Raises:
        InputError: If its package cannot be imported.
    """
    if (point := _points(kind).get(name)) is None:
        return None
    try:
        return point.load()
    except Exception as error:  # code of others
        raise InputError(f"the plug-in {point.value} fails: {first_line(error)}") from error
