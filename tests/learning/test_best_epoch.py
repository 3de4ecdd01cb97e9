"""The selected epoch: the best robust validation accuracy, the latest of ties."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torch import nn

import scratchticket as st
from scratchticket.learning import LearningRecipe, Validation
from scratchticket.tickets import drawing
from scratchticket.tickets.draw import Finished, Task

QUICK = LearningRecipe(epochs=4, batch_size=256)


def drawn(data: st.Data, judged: list[tuple[int, int]], learning: LearningRecipe) -> Finished:
    """Draw a ticket whose validation reports these natural and robust counts of 100 per epoch."""
    told = iter(judged)

    def validate(network: nn.Module) -> Validation:
        assert not network.training
        return Validation(*(st.Accuracy(count, 100) for count in next(told)))

    attack = st.AttackRecipe("none")
    finished = drawing(Task(data, st.NetworkRecipe(width=1), attack, learning, validate), 0.5).run()
    assert list(told) == []
    return finished


@pytest.mark.parametrize(
    ("judged", "best"),
    [
        ([(90, 10), (20, 60), (95, 30), (99, 40)], 2),  # not by natural accuracy
        ([(90, 50), (90, 20), (90, 50), (90, 10)], 3),  # of equals the latest
        ([(10, 10), (20, 20), (30, 30), (40, 40)], 4),
        ([(40, 40), (30, 30), (20, 20), (10, 10)], 1),
        ([(50, 0), (60, 0), (40, 0), (30, 0)], 4),
    ],
)
def test_the_best_epoch_under_attack_is_chosen_the_latest_of_ties(
    few_digits: st.Data, judged: list[tuple[int, int]], best: int
) -> None:
    finished = drawn(few_digits, judged, QUICK)

    assert (finished.chosen_epoch, finished.other_epoch) == (best, 4)
    assert (finished.chosen is finished.other) == (best == 4)
    last = drawn(few_digits, judged, replace(QUICK, select="last"))
    assert (last.chosen_epoch, last.other_epoch) == (4, best)
    assert last.other.to_bytes() == finished.chosen.to_bytes()


def test_only_validated_epochs_are_chosen(few_digits: st.Data) -> None:
    every_third = replace(QUICK, validate_every=3)

    finished = drawn(few_digits, [(80, 50), (90, 20)], every_third)

    assert [epoch.validation is not None for epoch in finished.epochs] == [False, False, True, True]
    assert (finished.chosen_epoch, finished.other_epoch) == (3, 4)
