"""The registry of searches."""

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
    """Return the entry of a search."""
    if name in SEARCHES:
        return SEARCHES[name]
    plugged = plugin("searches", name)
    if plugged is None:
        raise unknown("search", name, [*SEARCHES, *plugin_names("searches")])
    if not isinstance(plugged, NamedSearch):
        raise InputError(f"the search {name} of a plug-in must be a NamedSearch, got {plugged!r}")
    return plugged


def make_search(recipe: SearchRecipe) -> Search:
    """Return the search that a recipe describes.

    Raises:
        InputError: If the search is unknown.
    """
    return _named(recipe.name).kind(recipe)


def search_settings(name: str) -> dict[str, Any]:
    """Return a search's defaults for settings of the recipe, by dotted path.

    Raises:
        InputError: If the search is unknown.
    """
    return dict(_named(name).settings)
