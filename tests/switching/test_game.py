"""Games whose solution is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from scratchticket.switching.game import play, settled, solve, worst


def attacks(*rows: list[list[int]]) -> list[Tensor]:
    return [torch.tensor(row, dtype=torch.bool) for row in rows]


def test_against_attacks_on_one_ticket_each_the_defender_mixes_evenly() -> None:
    known = attacks([[0, 1]], [[1, 0]])

    solution = solve(known)

    assert solution.probabilities == pytest.approx((0.5, 0.5))
    assert solution.value == pytest.approx(0.5)


def test_a_ticket_that_is_always_right_is_always_drawn() -> None:
    known = attacks([[0, 1], [1, 1]], [[1, 1], [0, 1]])

    solution = solve(known)

    assert solution.probabilities == pytest.approx((0, 1))
    assert solution.value == pytest.approx(1)


def test_the_value_is_that_of_brute_force() -> None:
    draws = torch.Generator().manual_seed(0)
    known = [torch.rand(30, 3, generator=draws) < 0.6 for _ in range(5)]

    grid = [
        (a, b, 1 - a - b) for a in np.arange(0, 1.01, 0.02) for b in np.arange(0, 1.01 - a, 0.02)
    ]
    best = max(worst(known, np.array(p)) for p in grid)

    assert best <= solve(known).value + 1e-9
    assert solve(known).value <= best + 0.02


def test_the_attacker_answers_until_the_value_stops_moving() -> None:
    asked = []

    def respond(probabilities: tuple[float, ...]) -> list[Tensor]:
        asked.append(probabilities)
        fooled = int(np.argmax(probabilities))  # always the ticket that answers most often
        return attacks([[int(fooled != ticket) for ticket in range(3)]])

    solution, rounds = play(attacks([[1, 1, 1]]), respond)

    assert solution.value == pytest.approx(2 / 3)
    assert solution.probabilities == pytest.approx((1 / 3,) * 3)
    assert len(rounds) == len(asked) == 4
    values = [entry.value for entry in rounds]
    assert values == sorted(values, reverse=True)
    assert rounds[-1].after == pytest.approx(rounds[-1].value, abs=1e-3)
    assert settled(rounds)


def test_the_best_answer_counts_though_it_was_not_the_last() -> None:
    answers = iter([[[1, 1, 0]], [[0, 0, 1]]])

    solution, rounds = play(attacks([[1, 1, 1]]), lambda _: attacks(next(answers)), rounds=2)

    found = attacks([[1, 1, 1]], [[1, 1, 0]], [[0, 0, 1]])
    left = [worst(found, np.array(entry.probabilities)) for entry in rounds]
    assert solution.value == max(left)
    assert not settled(rounds)


def test_no_more_is_left_than_any_defender_could_have() -> None:
    """An attacker who answers badly at first makes early rounds look better than they are."""
    draws = torch.Generator().manual_seed(0)
    known = [torch.rand(20, 3, generator=draws) < 0.8]

    def respond(_: tuple[float, ...]) -> list[Tensor]:
        known.append(torch.rand(20, 3, generator=draws) < 0.7)
        return known[-1:]

    solution, rounds = play(known[:1], respond, rounds=6)

    assert len(rounds) == 6
    assert solution.value <= solve(known).value + 1e-9
    assert solution.value == pytest.approx(worst(known, np.array(solution.probabilities)))
