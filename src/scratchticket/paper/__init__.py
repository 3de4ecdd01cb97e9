"""Recipes for all tables and figures of the paper, and for further studies, at four scales."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from scratchticket.base.errors import unknown
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.scale import Scale
from scratchticket.paper.scales import SCALES, scale_named

NAMES = (*(f"table{n}" for n in range(1, 10)), *(f"figure{n}" for n in range(1, 15)))

__all__ = ["NAMES", "SCALES", "PaperRecipe", "Scale", "paper_recipe", "scale_named", "studies"]


@cache
def _recipes() -> dict[str, PaperRecipe]:
    """Return the recipes defined in the files of ``recipes/``, by name."""
    folder = import_module(f"{__name__}.recipes")
    modules = [import_module(f"{folder.__name__}.{m.name}") for m in iter_modules(folder.__path__)]
    values = [value for module in modules for value in vars(module).values()]
    return {value.name: value for value in values if isinstance(value, PaperRecipe)}


def studies() -> tuple[str, ...]:
    """Return the names of the studies beyond the paper, in alphabetical order."""
    return tuple(sorted(_recipes().keys() - set(NAMES)))


def paper_recipe(name: str) -> PaperRecipe:
    """Return the recipe of a table, figure or study.

    Args:
        name: ``table1`` to ``table9``, ``figure1`` to ``figure14``, or one of :func:`studies`.

    Raises:
        InputError: If there is no such recipe.
    """
    recipes = _recipes()
    if name not in recipes:
        raise unknown("recipe", name, (*NAMES, *studies()))
    return recipes[name]
