"""Recipes, runs, records and figures: the only place besides the command line that names files."""

from scratchticket.experiments.api import draw_ticket, train_network
from scratchticket.experiments.recipe import EvaluationRecipe, Recipe

__all__ = ["EvaluationRecipe", "Recipe", "draw_ticket", "train_network"]
