"""The best image so far against a plain maximum; frozen parameters restored."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import nn

from scratchticket.attacks.gradient import BestSoFar, all_fooled, frozen

IMAGES = 3
ERRORS = some.sampled_from([0.0, 0.25, 0.5, 1.0])
LOSSES = some.sampled_from([-2.0, -1.0, 0.0, 3.0])
ROUND = some.tuples(
    some.sets(some.integers(0, IMAGES - 1)),
    some.lists(some.tuples(ERRORS, LOSSES), min_size=IMAGES, max_size=IMAGES),
)


@settings(deadline=None)
@given(some.lists(ROUND, max_size=6))
def test_the_best_iterate_is_the_first_of_largest_error_then_largest_loss(
    rounds: list[tuple[set[int], list[tuple[float, float]]]],
) -> None:
    images = torch.zeros(IMAGES, 1, 1, 1)
    best = BestSoFar(images, torch.zeros(IMAGES, dtype=torch.int64), lambda logits, labels: logits)
    offered: list[list[tuple[float, float, float]]] = [[] for _ in range(IMAGES)]
    for number, (rows, values) in enumerate(rounds, start=1):
        chosen = sorted(rows)
        error, loss = (torch.tensor([values[row][k] for row in chosen]) for k in (0, 1))
        iterates = torch.full((len(chosen), 1, 1, 1), float(number))
        done = best.update(torch.tensor(chosen, dtype=torch.int64), iterates, error, loss)
        assert done.tolist() == [values[row][0] == 1 for row in chosen]
        for row in chosen:
            offered[row].append((*values[row], -number))

    kept = [-max(own)[2] if own else 0 for own in offered]
    assert best.images.flatten().tolist() == kept
    resisting = [row for row, own in enumerate(offered) if not own or max(own)[0] < 1]
    assert best.unfooled.tolist() == resisting
    assert not images.any()


def test_a_set_is_fooled_if_probabilities_add_up_to_one_within_rounding() -> None:
    added_up = torch.full((41,), 1 / 41).cumsum(0)[-1]

    assert added_up < 1
    assert all_fooled(torch.stack([added_up, torch.tensor(1 - 1e-5)])).tolist() == [True, False]


def test_frozen_restores_requires_grad_even_after_an_error() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[0].weight.requires_grad_(False)
    flags = [parameter.requires_grad for parameter in network.parameters()]

    with pytest.raises(KeyError), frozen(network):
        assert not any(parameter.requires_grad for parameter in network.parameters())
        raise KeyError

    assert [parameter.requires_grad for parameter in network.parameters()] == flags
