"""Searches for masks. A new search is a file here and a line in the registry."""

from scratchticket.learning.searches.named import NamedSearch
from scratchticket.learning.searches.registry import SEARCHES, make_search, search_settings
from scratchticket.learning.searches.search import Search, SearchRecipe, initial_scores

__all__ = [
    "SEARCHES",
    "NamedSearch",
    "Search",
    "SearchRecipe",
    "initial_scores",
    "make_search",
    "search_settings",
]
