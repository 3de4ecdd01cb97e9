"""Results of attacks with known counts."""

from __future__ import annotations

import torch
from torch import Tensor

from scratchticket.attacks import Attack
from scratchticket.evaluation import EvaluationResult, Outcome


def outcome(
    attack: Attack,
    fooled: Tensor,
    *,
    tried: Tensor | None = None,
    distance: Tensor | None = None,
    queries: Tensor | None = None,
    forwards: int = 0,
    seconds: float = 0.0,
    warnings: tuple[str, ...] = (),
) -> Outcome:
    """Return an outcome; if not given, all images were tried and those fooled lie at distance 0."""
    if tried is None:
        tried = torch.ones_like(fooled)
    if distance is None:
        distance = torch.where(fooled, 0.0, torch.inf)
    return Outcome(attack, fooled, tried, distance, queries, forwards, seconds, warnings)


def with_counts(
    left: dict[Attack, int],
    *,
    total: int = 1000,
    natural: int = 900,
    gradients: dict[str, int] | None = None,
    flags: tuple[str, ...] | None = None,
) -> EvaluationResult:
    """Return a result in which so many images are classified correctly under each attack."""
    number = torch.arange(total)
    right = number < natural
    outcomes = tuple(outcome(attack, right & (number >= count)) for attack, count in left.items())
    return EvaluationResult(right, outcomes, gradients, flags)
