"""The type of an entry of the registry of searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scratchticket.learning.searches.search import Search


@dataclass(frozen=True)
class NamedSearch:
    """A search in the registry or in a plug-in.

    Attributes:
        kind: Class of the search, constructed with a :class:`SearchRecipe`.
        settings: Defaults of recipe settings that this search changes, by dotted path, such as
            ``search.average`` or ``pattern.budget``.
    """

    kind: type[Search] = Search
    settings: Mapping[str, Any] = field(default_factory=dict)
