"""The parts of a search: how scores start, rank weights and step, and the attack they meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite, prod
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from scratchticket.attacks import Attack
from scratchticket.base import rng
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.quantities import fraction, fraction_text
from scratchticket.base.typed import check_types
from scratchticket.learning.descent import Descent, NormalisedDescent
from scratchticket.learning.moment import Moment
from scratchticket.learning.recipe import LearningRecipe
from scratchticket.masks import score_bound

Scalar = bool | int | float | str
FLAT = 0.01  # bound of a flat start, as in Robust Binary Subnetworks
_CHOICES = {
    "start": ("fan_in", "flat"),
    "ranking": ("magnitude", "one-sided", "signed"),
    "step": ("sgd", "normalised"),
}


@dataclass(frozen=True)
class SearchRecipe:
    """How a mask is searched for; the defaults are the paper's search.

    Attributes:
        name: How the mask is searched for; --set search.NAME=VALUE changes a part of it. A name may
            change other settings of the recipe, wherever they are not given.
        start: Range of the random scores. ``fan_in``: within 1 / sqrt(fan_in) of 0, as in the
            released code; ``flat``: within 0.01 in every layer (Robust Binary Subnetworks, 2022,
            arXiv:2202.01341).
        ranking: What remains. ``magnitude``: the scores of largest magnitude (edge-popup).
            ``one-sided``: the largest scores, which start at their magnitudes and stop at 0, where
            their momentum is cleared. ``signed``: the largest scores, of either sign (IteRand,
            2021, arXiv:2106.09269).
        step: ``sgd``; or ``normalised``: each layer's scores move by ``learning.learning_rate``
            times their root mean square, and keep that size. Weight decay has then no effect.
        memory: Above 0, weight decay is this number / (first learning rate * steps of the run), so
            that scores forget what they learned before the last 1/memory of the run; instead of
            ``learning.weight_decay``.
        average: Above 0, masks are judged and kept by an exponential average of what ranks the
            weights, over so many epochs, while the search goes on with the scores themselves.
        sharpness: Above 0, the gradient is taken where each layer's scores have climbed by this
            share of their norm (adversarial weight perturbation, Wu et al., 2020,
            arXiv:2004.05884, of scores), for one more pass forward and back.
        sharpness_from: Part of the run after which ``sharpness`` counts.
        arguments: Further settings of a plug-in's search.

    Raises:
        InputError: If a choice is unknown or a number out of range.
    """

    name: str = "paper"
    start: Literal["fan_in", "flat"] = "fan_in"
    ranking: Literal["magnitude", "one-sided", "signed"] = "magnitude"
    step: Literal["sgd", "normalised"] = "sgd"
    memory: float = 0.0
    average: float = 0.0
    sharpness: float = 0.0
    sharpness_from: str | float = "2/3"
    arguments: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_types(self, "search.")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise unknown(f"search.{name}", str(getattr(self, name)), known)
        for name in ("memory", "average", "sharpness"):
            if not (isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"search.{name} must be 0 or more, got {getattr(self, name)}")
        part = fraction(self.sharpness_from, "search.sharpness_from")
        if not 0 <= part < 1:
            raise InputError(f"search.sharpness_from must lie in [0, 1), got {self.sharpness_from}")
        object.__setattr__(self, "sharpness_from", fraction_text(part))


class Search:
    """What a learner of scores asks; this one is made of the parts that a recipe names.

    A plug-in overrides the methods it wants otherwise.

    Args:
        recipe: Which parts.
    """

    def __init__(self, recipe: SearchRecipe) -> None:
        self.recipe = recipe

    def start(
        self, seed: int, name: str, shape: tuple[int, ...], *, of_channels: bool = False
    ) -> Tensor:
        """Return the scores that a layer starts from: float32; see :func:`initial_scores`."""
        bound = FLAT if self.recipe.start == "flat" else None
        scores = initial_scores(seed, name, shape, of_channels=of_channels, bound=bound)
        return scores.abs() if self.recipe.ranking == "one-sided" else scores

    def importance(self, scores: Tensor) -> Tensor:
        """Return what ranks the weights of a layer, from its scores."""
        return scores.abs() if self.recipe.ranking == "magnitude" else scores

    def gradient(self, scores: Tensor, gradient: Tensor) -> Tensor:
        """Return the straight-through gradient of scores.

        Args:
            scores: Of a layer.
            gradient: Of the loss with respect to the mask, in the shape of the scores; it may be
                changed in place.
        """
        if self.recipe.ranking == "magnitude":
            return gradient.mul_(scores.sign())
        return gradient

    def descent(self, scores: Mapping[str, Tensor], momentum: float) -> Descent:
        """Return what steps: it owns its state, which checkpoints keep."""
        kind = NormalisedDescent if self.recipe.step == "normalised" else Descent
        return kind(scores, momentum)

    def weight_decay(self, learning: LearningRecipe, moment: Moment) -> float:
        """Return the weight decay of a step."""
        if not self.recipe.memory or not learning.learning_rate:
            return learning.weight_decay
        return self.recipe.memory / (learning.learning_rate * moment.steps)

    def constrain(self, scores: Tensor, velocity: Tensor | None) -> None:
        """Put a layer's scores where they may be, after a step."""
        if self.recipe.ranking != "one-sided":
            return
        if velocity is not None:
            velocity.masked_fill_(scores < 0, 0.0)
        scores.clamp_min_(0.0)

    def keeps(self, moment: Moment) -> float | None:
        """Return the share of the averaged importance that stays at a step; none without one."""
        if not self.recipe.average:
            return None
        return 1 - 1 / max(1.0, self.recipe.average * moment.steps_per_epoch)

    def climb(self, moment: Moment) -> float:
        """Return by which share of their norm scores climb before the gradient is taken."""
        if self.recipe.sharpness and moment.reached(Fraction(self.recipe.sharpness_from)):
            return self.recipe.sharpness
        return 0.0

    def attack(self, attack: Attack, moment: Moment) -> Attack:
        """Return the inner attack of a step, given the one that the recipe has for it."""
        return attack


def initial_scores(
    seed: int,
    name: str,
    shape: tuple[int, ...],
    *,
    of_channels: bool = False,
    bound: float | None = None,
) -> Tensor:
    """Return the scores a search starts from, as the released code draws them.

    They are uniform in (-1 / sqrt(fan_in), 1 / sqrt(fan_in)), where the fan-in is that of the
    scores: the product of all dimensions but the first. Scores of whole output channels are
    standard normal.

    Args:
        seed: Of the scores.
        name: Of the parameter.
        shape: Of the scores.
        of_channels: Whether they are of whole output channels.
        bound: Of uniform scores, instead.

    Returns:
        float32 of the given shape.
    """
    words = rng.score_words(seed, name, prod(shape))
    if of_channels and bound is None:
        values = rng.normals(words)
    else:
        values = (2 * rng.uniforms(words) - 1) * (score_bound(shape) if bound is None else bound)
    return torch.from_numpy(values.astype(np.float32)).view(shape)
