"""Numbers are found in records by what an attack is; what is not there is an error."""

from __future__ import annotations

from dataclasses import replace

import pytest

from made_records import record_of
from scratchticket.attacks import PGD, Attack
from scratchticket.base.record import EvaluationRecord, RunRecord, SwitchRecord, TransferRecord
from scratchticket.paper import SCALES
from scratchticket.paper.cells import (
    Measured,
    curve,
    level,
    natural,
    of_dense,
    robust,
    row_of,
    switch_accuracy,
    transfer_accuracy,
    under,
    under_autoattack,
    worst_of,
)
from scratchticket.paper.parts import main_matrix, r2s_robust, switch
from scratchticket.paper.study import evaluation_of, size, weights_kept, worst_case

PAPER = SCALES["paper"]
TICKET = PAPER.ticket("resnet18", "cifar10", 5, 0)
EVALUATED = {"attacks": [{"name": "autoattack"}, {"name": "pgd"}], "epsilons": ["8/255", "12/255"]}


@pytest.fixture
def evaluation() -> EvaluationRecord:
    record = record_of(evaluation_of(TICKET, EVALUATED))
    assert isinstance(record, EvaluationRecord)
    return record


def test_an_attack_is_found_by_its_method_norm_and_epsilon(evaluation: EvaluationRecord) -> None:
    attacks = [Attack(PGD(), "8/255"), Attack(PGD(), "12/255")]
    titles = {row.title: row.fraction for row in evaluation.attacks}

    assert [under(a)(evaluation).value for a in attacks] == [titles[str(a)] for a in attacks]
    for other in (Attack(PGD(21), "8/255"), Attack(PGD(), "0.5", "l2"), Attack(PGD(), "9/255")):
        with pytest.raises(LookupError, match="the record has no row for pgd"):
            under(other)(evaluation)
    untold = [row.model_copy(update={"settings": None}) for row in evaluation.attacks]
    with pytest.raises(LookupError):
        row_of(untold, attacks[0])


def test_only_the_whole_standard_autoattack_is_read_as_one(evaluation: EvaluationRecord) -> None:
    first, second, *_ = evaluation.attacks
    weak = {**first.settings, "square": {**first.settings["square"], "queries": 10}}  # type: ignore[dict-item, index]
    weaker = first.model_copy(update={"settings": weak})
    record = evaluation.model_copy(update={"attacks": (weaker, second)})

    assert under_autoattack("8/255")(evaluation).value == first.fraction
    assert under_autoattack("12/255")(evaluation).value == second.fraction
    assert under_autoattack("12/255")(record).value == second.fraction
    with pytest.raises(StopIteration):
        under_autoattack("8/255")(record)


def test_the_worst_case_is_that_of_the_ball(evaluation: EvaluationRecord) -> None:
    first, second = evaluation.worst_cases
    euclidean = first.model_copy(update={"norm": "l2"})
    record = evaluation.model_copy(update={"worst_cases": (euclidean, second)})

    assert worst_case("12/255")(evaluation).value == second.fraction
    assert worst_case("8/255")(evaluation).value == first.fraction
    with pytest.raises(StopIteration):
        worst_case("8/255")(record)


def test_records_of_each_kind_have_their_natural_accuracy(evaluation: EvaluationRecord) -> None:
    run, switched = record_of(TICKET), record_of(switch(PAPER, "resnet18", "cifar100", 0))
    assert isinstance(run, RunRecord)
    assert isinstance(switched, SwitchRecord)
    assert switched.dense is not None

    assert natural(run).value == run.results.best.natural.fraction
    assert natural(evaluation).value == evaluation.natural.fraction
    assert natural(switched).value == switched.natural.expected
    assert of_dense(natural)(switched).value == switched.dense.natural.expected
    assert worst_of(switched) == switched.worst_case
    assert weights_kept(run) == Measured(run.weights.kept / 1000, 0)
    assert size(run) == Measured(run.bytes / 1000, 0)


def test_a_record_of_another_kind_or_without_the_number_is_an_error(
    evaluation: EvaluationRecord,
) -> None:
    switched = record_of(switch(PAPER, "resnet18", "cifar100", 0))
    assert isinstance(switched, SwitchRecord)
    alone = switched.model_copy(update={"dense": None, "worst_case": None})

    with pytest.raises(TypeError, match="a EvaluationRecord is not a RunRecord"):
        robust(evaluation)
    with pytest.raises(TypeError, match="a RunRecord is not a SwitchRecord"):
        of_dense(natural)(record_of(TICKET))
    with pytest.raises(LookupError, match="the record has no dense network"):
        of_dense(natural)(alone)
    with pytest.raises(LookupError, match="has no worst case"):
        worst_of(alone)
    with pytest.raises(LookupError):
        switch_accuracy(Attack(PGD(), "8/255"), "the set")(switched)


def test_a_matrix_is_read_from_the_attacked_to_the_evaluated_network() -> None:
    record = record_of(main_matrix(PAPER, "resnet18", "cifar100")(0))
    assert isinstance(record, TransferRecord)
    first, attack = record.matrices[0], Attack(PGD(), "8/255")

    found = transfer_accuracy("5 %", "60 %", attack)(record)

    assert found == Measured(first.rows["5 %"]["60 %"] / first.total, first.total)
    assert first.rows["5 %"]["60 %"] != first.rows["60 %"]["5 %"]
    own = r2s_robust([7], attack)(record)
    assert own.value == pytest.approx(first.rows["7 %"]["7 %"] / first.total)


def test_a_line_has_a_cell_for_each_ratio_of_the_scale_and_a_level_has_one() -> None:
    two = replace(SCALES["quick"], seeds=(3, 5))
    asked: list[tuple[int, int]] = []

    def make(percent: int, seed: int) -> object:
        asked.append((percent, seed))
        return TICKET

    line = list(curve(two, "p", "r", (1, 2, 20), make, natural, {1: 37.6, 2: 42.4}))  # type: ignore[arg-type]
    dense = level(
        two, "p", "r", lambda seed: PAPER.dense("resnet18", "cifar10", seed), natural, 50.0
    )

    assert [(c.column, c.published) for c in line] == [("1", 37.6), ("20", None)]
    assert asked == [(1, 3), (1, 5), (20, 3), (20, 5)]
    assert [job.recipe.seed for job in dense.jobs] == [3, 5]
    assert (dense.column, dense.published) == ("", 50.0)
