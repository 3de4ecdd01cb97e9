"""The paper as recipes, every table and figure, and studies beyond it; at three scales."""

from __future__ import annotations

from importlib import import_module

from scratchticket.base.errors import unknown
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.scale import Scale
from scratchticket.paper.scales import SCALES, scale_named

NAMES = (*(f"table{n}" for n in range(1, 10)), *(f"figure{n}" for n in range(1, 15)))
STUDIES = ("searches",)  # that are not of the paper

__all__ = ["NAMES", "SCALES", "STUDIES", "PaperRecipe", "Scale", "paper_recipe", "scale_named"]


def paper_recipe(name: str) -> PaperRecipe:
    """Return the recipe of a table or figure, or of a study.

    Args:
        name: ``table1`` to ``table9``, ``figure1`` to ``figure14``, or one of :data:`STUDIES`.

    Raises:
        InputError: If there is no such recipe.
    """
    if name not in (*NAMES, *STUDIES):
        raise unknown("recipe", name, (*NAMES, *STUDIES))
    recipe: PaperRecipe = import_module(f"{__name__}.{name}").RECIPE
    return recipe
