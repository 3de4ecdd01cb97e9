"""Runs: a recipe gives a folder with ticket, record, log and pictures."""

from scratchticket.runs.api import draw_ticket, train_network
from scratchticket.runs.recipe import EvaluationRecipe, Recipe

__all__ = ["EvaluationRecipe", "Recipe", "draw_ticket", "train_network"]
