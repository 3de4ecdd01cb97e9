"""The cost of evaluations in forward passes per image, against counts by hand."""

from __future__ import annotations

from scratchticket.attacks import PGD, Attack
from scratchticket.evaluation import Balls
from scratchticket.evaluation.transfer import SET
from scratchticket.judging.cost import evaluation_passes, switch_passes, transfer_passes
from scratchticket.switching.suites import respond_with, switch_suite

WHERE = Balls("linf", ("0.02",), (), "1")


def test_an_evaluation_costs_its_steps_and_a_prediction_before_and_after() -> None:
    assert evaluation_passes([]) == 1
    short, long = Attack(PGD(5), "0.1"), Attack(PGD(10, restarts=2), "0.1")
    assert evaluation_passes([short]) == 1 + 2 * 5 + 1
    assert evaluation_passes([long]) == 1 + 2 * 10 * 2 + 1
    assert evaluation_passes([short, long]) == 1 + 11 + 41


def test_a_matrix_costs_a_row_per_network_of_which_each_answers_every_image() -> None:
    one, three = (transfer_passes(names, WHERE) for names in (["a"], ["a", "b", "c"]))

    assert one == 1 + 4 * (2 * 20 + 1)
    assert three == 3 + 3 * 4 * (2 * 20 + 3)


def test_an_attack_on_the_set_differentiates_every_network_of_it() -> None:
    names = ["a", "b", "c"]
    attacks = switch_suite("quick", names, WHERE, 10)
    on_set = sum(one.attack.method.passes for one in attacks if one.source == SET)
    on_members = sum(one.attack.method.passes for one in attacks if one.source != SET)

    passes = switch_passes("quick", names, WHERE, 10)

    assert passes == 3 + 3 * on_set + on_members + 3 * len(attacks)
    assert {one.source for one in attacks} == {SET, *names}


def test_the_full_suite_counts_a_round_of_the_game_and_a_dense_network_its_own_suite() -> None:
    names = ["a", "b"]
    answer = respond_with((0.5, 0.5), WHERE)
    attacks = switch_suite("full", names, WHERE, 10)
    steps = sum(one.attack.method.passes * (2 if one.source == SET else 1) for one in attacks)
    answers = sum(2 * one.attack.method.passes + 2 for one in answer)

    full = switch_passes("full", names, WHERE, 10)

    assert full == 2 + steps + 2 * len(attacks) + answers
    for suite in ("quick", "full"):
        alone = sum(one.attack.method.passes + 1 for one in switch_suite(suite, ["d"], WHERE, 10))
        with_dense = switch_passes(suite, names, WHERE, 10, dense=True)
        assert with_dense == switch_passes(suite, names, WHERE, 10) + 1 + alone
