"""Rows of a record from outcomes of eight images, counted by hand."""

from __future__ import annotations

import pytest
import torch
from outcomes import outcome
from torch import Tensor

from scratchticket.attacks import FGSM, PGD, Attack, Bandits, CarliniWagner
from scratchticket.base.record import EvaluationRecord
from scratchticket.evaluation import Balls, EvaluationResult, Outcome, report
from scratchticket.evaluation.suites import autoattack

WHERE = Balls("linf", ("0.1", "0.2"), ("0.5", "1"), "1")
WRONG = 6  # the one image that the network gets wrong


def marks(*places: int) -> Tensor:
    """Return which of eight images are meant."""
    return torch.tensor([place in places for place in range(8)])


def record(*outcomes: Outcome, where: Balls = WHERE) -> EvaluationRecord:
    return report(EvaluationResult(~marks(WRONG), outcomes), where, subject={}, data={})


def test_a_row_counts_the_images_that_are_right_and_stay_right() -> None:
    told = record(outcome(Attack(FGSM(), "0.1"), marks(0, 3), forwards=14, seconds=1.23456))

    assert (told.natural.correct, told.natural.total) == (7, 8)
    (row,) = told.attacks
    assert (row.correct, row.total, row.queries, row.seconds) == (5, 8, 14, 1.235)
    assert row.interval == pytest.approx((0.305742, 0.863156), abs=1e-6)  # Wilson, 5 of 8


def test_queries_are_the_median_of_the_images_that_were_fooled() -> None:
    queries = torch.tensor([30, 900, 900, 12, 900, 18, 0, 900])
    attack = Attack(Bandits(900), "0.1")

    (row,) = record(outcome(attack, marks(0, 3, 5), queries=queries)).attacks
    (none,) = record(outcome(attack, marks(), queries=queries)).attacks

    assert row.median_queries == 18
    assert none.median_queries is None


def test_the_nearest_image_is_scored_at_every_radius_bounds_included() -> None:
    distance = torch.tensor([0.5, 0.75, 1.0, 1.25, torch.inf, 0.25, torch.inf, 3.0])
    nearest = outcome(
        Attack(CarliniWagner(), None, "l2"),
        marks(0, 1, 2, 3, 5, 7),
        tried=~marks(WRONG),
        distance=distance,
    )

    told = record(nearest)

    assert [(row.epsilon, row.correct) for row in told.attacks] == [("0.5", 5), ("1", 3), (None, 1)]
    assert {row.median_distance for row in told.attacks} == {1.0}  # of the seven images tried
    assert [(w.norm, w.epsilon, w.correct) for w in told.worst_cases] == [
        ("l2", "0.5", 5),
        ("l2", "1", 3),
    ]


def test_most_images_that_resist_at_any_distance_have_no_median() -> None:
    distance = torch.where(marks(0, 1, 2), 0.1, torch.inf)
    attack = Attack(CarliniWagner(), None, "l2")

    told = record(outcome(attack, marks(0, 1, 2), distance=distance, tried=~marks(WRONG)))

    assert {row.median_distance for row in told.attacks} == {None}


def test_the_worst_case_joins_all_attacks_up_to_its_radius_in_its_norm() -> None:
    told = record(
        outcome(Attack(FGSM(), "0.05"), marks(0)),
        outcome(Attack(FGSM(), "0.1"), marks(1, 2)),
        outcome(Attack(PGD(), "0.1"), marks(2, 3)),
        outcome(Attack(FGSM(), "0.15"), marks(4)),
        outcome(Attack(FGSM(), "0.2"), marks(5)),
        outcome(Attack(FGSM(), "0.1", "l2"), marks(7)),
    )

    found = [(w.norm, w.epsilon, w.correct, len(w.attacks)) for w in told.worst_cases]
    assert found == [("linf", "0.1", 3, 3), ("linf", "0.2", 1, 5)]
    assert told.worst_case == told.worst_cases[0]


def test_the_stages_of_autoattack_are_one_row_and_each_counts_what_is_left() -> None:
    stages = autoattack("0.1", "linf")
    fooled = [marks(0), marks(1, 2), marks(), marks(7)]
    ran = [
        outcome(attack, own, forwards=10 * number, seconds=number)
        for number, (attack, own) in enumerate(zip(stages, fooled, strict=True), start=1)
    ]

    told = record(*ran, outcome(Attack(FGSM(), "0.1"), marks(3)))

    whole, single = told.attacks
    assert (whole.name, single.name) == ("autoattack", "fgsm")
    assert (whole.correct, whole.queries, whole.seconds) == (3, 100, 10)
    assert whole.stages is not None
    assert [stage["correct"] for stage in whole.stages] == [6, 4, 4, 3]
    assert [stage["queries"] for stage in whole.stages] == [10, 20, 30, 40]
    assert told.worst_case is not None
    assert told.worst_case.correct == 2


def test_two_autoattacks_one_after_the_other_are_two_rows() -> None:
    ran = [
        outcome(attack, marks(place))
        for place, epsilon in ((0, "0.1"), (1, "0.2"))
        for attack in autoattack(epsilon, "linf")
    ]

    assert [(row.epsilon, row.correct) for row in record(*ran).attacks] == [("0.1", 6), ("0.2", 6)]
