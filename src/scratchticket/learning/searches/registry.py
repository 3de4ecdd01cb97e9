"""Searches by name."""

from __future__ import annotations

from typing import Any

from scratchticket.base.errors import InputError, unknown
from scratchticket.base.plugins import plugin, plugin_names
from scratchticket.learning.searches.named import NamedSearch
from scratchticket.learning.searches.paper import PAPER
from scratchticket.learning.searches.search import Search, SearchRecipe

SEARCHES: dict[str, NamedSearch] = {
    "paper": PAPER,
}


def _named(name: str) -> NamedSearch:
    """Return what a name stands for.

    Raises:
        InputError: If there is no such search, or a plug-in brings something else.
    """
    if name in SEARCHES:
        return SEARCHES[name]
    found = plugin("searches", name)
    if found is None:
        raise unknown("search", name, [*SEARCHES, *plugin_names("searches")])
    if not isinstance(found, NamedSearch):
        raise InputError(f"the search {name} of a plug-in must be a NamedSearch, got {found!r}")
    return found


def make_search(recipe: SearchRecipe) -> Search:
    """Return the search that a recipe describes.

    Raises:
        InputError: If there is no such search.
    """
    return _named(recipe.name).kind(recipe)


def search_settings(name: str) -> dict[str, Any]:
    """Return what a search sets where the user does not: dotted path to value.

    Raises:
        InputError: If there is no such search.
    """
    return dict(_named(name).settings)
