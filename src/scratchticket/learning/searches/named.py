"""The type of the entries of the search registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scratchticket.learning.searches.search import Search


@dataclass(frozen=True)
class NamedSearch:
    """A search of the registry, or of a plug-in.

    Attributes:
        kind: Class of the search, constructed with a :class:`SearchRecipe`.
        settings: Defaults that the search sets, by dotted path of a recipe's setting, such as
            ``search.average`` or ``pattern.budget``.
    """

    kind: type[Search] = Search
    settings: Mapping[str, Any] = field(default_factory=dict)
