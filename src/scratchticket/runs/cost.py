"""The cost of a run in forward passes, computed from its recipe."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from scratchticket.runs.recipe import Recipe


def forward_passes(recipe: Recipe) -> float:
    """Return the cost of learning in forward passes per training image.

    A gradient with respect to the images costs as much as a forward pass; one with respect to the
    weights costs as much again. The inner attack differentiates the network and the tickets of
    ``beside``. A validation counts all attack steps, an upper bound where attacks succeed early,
    and one more pass to recompute batch-norm statistics.
    """
    learning, search = recipe.learning, recipe.search
    attacked = 1 + max(len(recipe.beside.files), len(recipe.beside.sha256))
    schedule = learning.schedule_of(recipe.attack)
    ends = [part for part, _ in schedule[1:]] + [Fraction(1)]
    steps = sum(
        attack.gradients * (end - begins)
        for (begins, attack), end in zip(schedule, ends, strict=True)
    )
    step = 2 * steps * attacked + 3
    if search.sharpness:
        step += 3 * (1 - Fraction(search.sharpness_from))
    held_back = Fraction(recipe.data.validation)
    judged = held_back / (1 - held_back) * (2 * recipe.evaluation.steps + 1) + 1
    validations = ceil(learning.epochs / learning.validate_every)
    return float(learning.epochs * step + validations * judged)


def judging_share(recipe: Recipe, train: int, test: int) -> float:
    """Return the cost of testing the best and the last epoch, as a fraction of the learning cost.

    Args:
        recipe: Recipe of the run.
        train: Number of training images.
        test: Number of test images.
    """
    passes = 2 * (2 * recipe.evaluation.steps + 1)
    return passes * test / (forward_passes(recipe) * train)
