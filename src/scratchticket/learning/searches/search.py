"""The parts of a search: initial scores, ranking of weights, step rule and inner attack."""

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
from scratchticket.learning.descent import AdamDescent, Descent, NormalisedDescent
from scratchticket.learning.moment import Moment
from scratchticket.learning.recipe import LearningRecipe
from scratchticket.masks import score_bound

Scalar = bool | int | float | str
FLAT = 0.01  # bound of the initial scores of the flat start, as in Robust Binary Subnetworks
_STEPS: dict[str, type[Descent]] = {
    "sgd": Descent,
    "normalised": NormalisedDescent,
    "adam": AdamDescent,
}
_CHOICES = {
    "start": ("fan_in", "flat"),
    "ranking": ("magnitude", "one-sided", "signed"),
    "step": tuple(_STEPS),
}


@dataclass(frozen=True)
class SearchRecipe:
    """How a mask is searched for; the defaults are the paper's search.

    Attributes:
        name: Name of the search; --set search.NAME=VALUE changes one of its settings. A named
            search may also change the defaults of other settings of the recipe.
        start: Range of the random scores. ``fan_in``: within 1 / sqrt(fan_in) of 0, as in the
            released code; ``flat``: within 0.01 in every layer (Robust Binary Subnetworks, 2022,
            arXiv:2202.01341).
        ranking: Which weights remain. ``magnitude``: those with the scores of largest magnitude
            (edge-popup). ``one-sided``: those with the largest scores, which start at their
            magnitudes and are clamped at 0, where their momentum is reset. ``signed``: those with
            the largest scores, negative scores included (IteRand, 2021, arXiv:2106.09269).
        step: ``sgd``; or ``normalised``: each layer's scores move by ``learning.learning_rate``
            times their root mean square, which stays constant. Weight decay has then no effect.
            ``adam``: Adam, where each layer's scores move by ``learning.learning_rate`` times their
            initial root mean square, with decoupled weight decay.
        memory: Above 0, weight decay is this number / (first learning rate * steps of the run)
            instead of ``learning.weight_decay``, so that scores forget all but the last 1/memory of
            the run.
        average: Above 0, the masks for evaluation and the ticket come from an exponential moving
            average of the importances over this many epochs; the search itself uses the scores.
        sharpness: Above 0, the gradient is computed after each layer's scores are moved along their
            gradient by this fraction of their norm (adversarial weight perturbation, Wu et al.,
            2020, arXiv:2004.05884, on scores). This costs one more forward and backward pass.
        sharpness_from: Fraction of the run after which ``sharpness`` is applied.
        arguments: Further settings of a plug-in's search.

    Raises:
        InputError: If a choice is unknown or a number is out of range.
    """

    name: str = "paper"
    start: Literal["fan_in", "flat"] = "fan_in"
    ranking: Literal["magnitude", "one-sided", "signed"] = "magnitude"
    step: Literal["sgd", "normalised", "adam"] = "sgd"
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
    """The rules of a search, called by the score learner; a plug-in overrides some of them."""

    def __init__(self, recipe: SearchRecipe) -> None:
        self.recipe = recipe

    def start(
        self, seed: int, name: str, shape: tuple[int, ...], *, of_channels: bool = False
    ) -> Tensor:
        """Return a layer's initial scores, float32; see :func:`initial_scores`."""
        bound = FLAT if self.recipe.start == "flat" else None
        scores = initial_scores(seed, name, shape, of_channels=of_channels, bound=bound)
        return scores.abs() if self.recipe.ranking == "one-sided" else scores

    def importance(self, scores: Tensor) -> Tensor:
        """Return the importance by which a layer's weights are ranked, given their scores."""
        return scores.abs() if self.recipe.ranking == "magnitude" else scores

    def gradient(self, scores: Tensor, gradient: Tensor) -> Tensor:
        """Return the straight-through gradient with respect to a layer's scores.

        Args:
            scores: Scores of the layer.
            gradient: Gradient of the loss with respect to the mask, in the shape of the scores;
                may be changed in place.
        """
        if self.recipe.ranking == "magnitude":
            return gradient.mul_(scores.sign())
        return gradient

    def descent(self, scores: Mapping[str, Tensor], momentum: float) -> Descent:
        """Return the optimiser of the scores; its state is part of checkpoints."""
        return _STEPS[self.recipe.step](scores, momentum)

    def weight_decay(self, learning: LearningRecipe, moment: Moment) -> float:
        """Return the weight decay of a step."""
        if not self.recipe.memory or not learning.learning_rate:
            return learning.weight_decay
        return self.recipe.memory / (learning.learning_rate * moment.steps)

    def constrain(self, scores: Tensor, velocity: Tensor | None) -> None:
        """Project a layer's scores onto the allowed range, after a step."""
        if self.recipe.ranking != "one-sided":
            return
        if velocity is not None:
            velocity.masked_fill_(scores < 0, 0.0)
        scores.clamp_min_(0.0)

    def average_decay(self, moment: Moment) -> float | None:
        """Return the decay of the averaged importance at a step; None without averaging."""
        if not self.recipe.average:
            return None
        return 1 - 1 / max(1.0, self.recipe.average * moment.steps_per_epoch)

    def climb(self, moment: Moment) -> float:
        """Return the perturbation of the scores as a fraction of their norm; 0 for none."""
        if self.recipe.sharpness and moment.reached(Fraction(self.recipe.sharpness_from)):
            return self.recipe.sharpness
        return 0.0

    def attack(self, attack: Attack, moment: Moment) -> Attack:
        """Return the inner attack of a step, given the recipe's."""
        return attack


def initial_scores(
    seed: int,
    name: str,
    shape: tuple[int, ...],
    *,
    of_channels: bool = False,
    bound: float | None = None,
) -> Tensor:
    """Return a layer's initial scores, distributed as in the released code.

    They are uniform in (-1 / sqrt(fan_in), 1 / sqrt(fan_in)), where fan_in is the product of all
    dimensions of ``shape`` but the first. Scores of whole output channels are standard normal.

    Args:
        seed: Seed of the scores.
        name: Name of the parameter.
        shape: Shape of the scores.
        of_channels: Whether each score covers an output channel.
        bound: If given, all scores are uniform within this bound.

    Returns:
        float32 of the given shape.
    """
    words = rng.score_words(seed, name, prod(shape))
    if of_channels and bound is None:
        values = rng.normals(words)
    else:
        values = (2 * rng.uniforms(words) - 1) * (score_bound(shape) if bound is None else bound)
    return torch.from_numpy(values.astype(np.float32)).view(shape)
