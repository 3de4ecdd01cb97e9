"""Switching as a game: how often should the defender draw which ticket?

The defender chooses probabilities once, the attacker sees them and chooses for every image among
the attacks found. Expected accuracy is what the one gains and the other loses, so a linear
programme finds the best probabilities (Pinot et al., 2020, arXiv:2002.11565, study this game).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

ROUNDS = 10
TOLERANCE = 1e-3  # of a value: a tenth of a percent of the images
Attacks = list[Tensor]  # each bool, (n, ticket): which tickets are right under an attack


@dataclass(frozen=True)
class Solution:
    """The best the defender can do against some attacks.

    Attributes:
        probabilities: Of the tickets.
        value: Expected accuracy under the worst attack for each image, in [0, 1].
    """

    probabilities: tuple[float, ...]
    value: float


@dataclass(frozen=True)
class Round:
    """One answer to another.

    Attributes:
        probabilities: The defender's.
        value: Against the attacks known before.
        after: Against the attacker's response too.
    """

    probabilities: tuple[float, ...]
    value: float
    after: float


def solve(attacks: Attacks) -> Solution:
    """Return the probabilities that maximise the worst-case expected accuracy.

    Maximised is the mean over images of ``t``, where ``t`` of an image is at most the expected
    accuracy at each of its attacked versions.

    Args:
        attacks: At least one.
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_array, hstack

    images, tickets = attacks[0].shape
    rows = np.unique(
        np.concatenate(
            [
                np.column_stack([np.arange(images), right.cpu().numpy().astype(np.int64)])
                for right in attacks
            ]
        ),
        axis=0,
    )
    image, right = rows[:, 0], rows[:, 1:]
    each = coo_array((np.ones(len(rows)), (np.arange(len(rows)), image)), (len(rows), images))
    bound = hstack([coo_array(-right), each])
    gain = np.concatenate([np.zeros(tickets), np.full(images, -1 / images)])
    total = np.concatenate([np.ones(tickets), np.zeros(images)])[None]
    found = linprog(gain, bound, np.zeros(len(rows)), total, [1.0], bounds=(0, 1), method="highs")
    assert found.success, found.message
    chances = np.clip(found.x[:tickets], 0, None)
    chances = chances / chances.sum()
    return Solution(tuple(map(float, chances)), worst(attacks, chances))


def worst(attacks: Attacks, probabilities: np.ndarray) -> float:
    """Return the expected accuracy when every image meets its worst attack."""
    expected = [right.cpu().numpy().astype(np.float64) @ probabilities for right in attacks]
    return float(np.min(expected, axis=0).mean())


def play(
    attacks: Attacks,
    respond: Callable[[tuple[float, ...]], Attacks],
    rounds: int = ROUNDS,
) -> tuple[Solution, list[Round]]:
    """Let defender and attacker answer each other until the value stops moving.

    Args:
        attacks: What is known at the beginning.
        respond: Makes new attacks against given probabilities.
        rounds: At most so many.

    Returns:
        Of the probabilities that were answered those of which all attacks leave most, and every
        round.
    """
    known, history = list(attacks), list[Round]()
    for _ in range(rounds):
        solution = solve(known)
        known += respond(solution.probabilities)
        left = worst(known, np.array(solution.probabilities))
        history.append(Round(solution.probabilities, solution.value, left))
        if settled(history):
            break
    # Against all attacks that were found, also in later rounds than that of the probabilities.
    answered = [Solution(r.probabilities, worst(known, np.array(r.probabilities))) for r in history]
    return max(answered, key=lambda solution: solution.value), history


def settled(history: Sequence[Round]) -> bool:
    """Whether the attacker's last answer moved the value no more."""
    return bool(history) and history[-1].value - history[-1].after <= TOLERANCE
