"""Switching as a zero-sum game, whose solution is the best probabilities for a switch's tickets.

The defender fixes probabilities; the attacker sees them and chooses the worst known attack for each
image. The payoff is expected accuracy, so the best probabilities are the solution of a linear
programme. Pinot et al. (2020, arXiv:2002.11565) study this game.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

ROUNDS = 10
TOLERANCE = 1e-3  # the game has converged if the expected accuracy falls by at most this
Attacks = list[Tensor]  # for each attack, the correctness of each ticket: bool, (n, ticket)


@dataclass(frozen=True)
class Solution:
    """The defender's optimal mixed strategy against some attacks.

    Attributes:
        probabilities: Probabilities of the tickets.
        value: Expected accuracy under each image's worst attack, in [0, 1].
    """

    probabilities: tuple[float, ...]
    value: float


@dataclass(frozen=True)
class Round:
    """One round of the game: the defender's probabilities and the attacker's response.

    Attributes:
        probabilities: Probabilities chosen by the defender.
        value: Expected accuracy against the attacks known before the response.
        after: Expected accuracy against these attacks and the response.
    """

    probabilities: tuple[float, ...]
    value: float
    after: float


def solve(attacks: Attacks) -> Solution:
    """Return the probabilities that maximise the worst-case expected accuracy.

    The linear programme maximises the mean over images of ``t``, where an image's ``t`` is at most
    the expected accuracy on each of its attacked versions.

    Args:
        attacks: Known attacks, at least one.
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
    """Return the expected accuracy under each image's worst attack."""
    expected = [right.cpu().numpy().astype(np.float64) @ probabilities for right in attacks]
    return float(np.min(expected, axis=0).mean())


def play(
    attacks: Attacks,
    respond: Callable[[tuple[float, ...]], Attacks],
    rounds: int = ROUNDS,
) -> tuple[Solution, list[Round]]:
    """Let defender and attacker respond to each other until the value converges.

    Args:
        attacks: Attacks known at the beginning.
        respond: Returns new attacks against given probabilities.
        rounds: Largest number of rounds.

    Returns:
        The probabilities of the round that is best against the attacks of all rounds; and all
        rounds.
    """
    known, history = list(attacks), list[Round]()
    for _ in range(rounds):
        solution = solve(known)
        known += respond(solution.probabilities)
        after = worst(known, np.array(solution.probabilities))
        history.append(Round(solution.probabilities, solution.value, after))
        if settled(history):
            break
    # Each round's probabilities against the attacks of all rounds, including later ones.
    answered = [Solution(r.probabilities, worst(known, np.array(r.probabilities))) for r in history]
    return max(answered, key=lambda solution: solution.value), history


def settled(history: Sequence[Round]) -> bool:
    """Return whether the attacker's last response lowered the value by at most TOLERANCE."""
    return bool(history) and history[-1].value - history[-1].after <= TOLERANCE
