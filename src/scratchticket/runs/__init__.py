"""Runs: execute a recipe, and write ticket, record, log and pictures to a folder."""

from scratchticket.runs.api import draw_ticket, train_network
from scratchticket.runs.recipe import EvaluationRecipe, Recipe

__all__ = ["EvaluationRecipe", "Recipe", "draw_ticket", "train_network"]
