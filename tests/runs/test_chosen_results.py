"""The two results of a run, who is told what while it goes on, and its record in a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import scratchticket as st
from scratchticket.base.accuracy import Accuracy
from scratchticket.base.errors import InputError
from scratchticket.base.record import EvaluationRecord, RunRecord, TransferRecord, to_json
from scratchticket.learning import Epoch, Event, Validation, Watch
from scratchticket.runs import lease
from scratchticket.runs.cost import judging_share
from scratchticket.runs.recipe import make_recipe
from scratchticket.runs.records import measured_accuracies
from scratchticket.runs.run import run, warnings_of
from scratchticket.runs.summary import outcome

SETTINGS = {
    "network.width": 2,
    "ratio": 0.3,
    "attack.name": "fgsm",
    "attack.epsilon": "0.1",
    "learning.epochs": 3,
    "learning.batch_size": 128,
    "evaluation.steps": 2,
}


def told(*judged: tuple[int, int]) -> Callable[..., Any]:
    """Return a validator that reports these natural and robust counts of 100, epoch by epoch."""
    left = iter(judged)

    def validator(*_: object) -> Callable[[object], Validation]:
        return lambda network: Validation(*(Accuracy(count, 100) for count in next(left)))

    return validator


def without_seconds(result: Any) -> Any:
    facts = to_json(result)
    facts["attacks"] = [{**row, "seconds": None} for row in facts["attacks"]]
    return facts


def test_best_and_last_are_those_of_the_epochs_chosen_on_validation(
    few_digits: st.Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: dict[str, RunRecord] = {}
    for select in ("best", "last"):
        judged = told((90, 10), (20, 60), (95, 30))
        monkeypatch.setattr("scratchticket.runs.api.validator", judged)
        recipe = make_recipe(SETTINGS | {"learning.select": select})
        records[select] = run(recipe, tmp_path / select, data=few_digits)

    for select, record in records.items():
        ticket = st.Ticket.load(tmp_path / select / "ticket.safetensors")
        assert (record.results.best.epoch, record.results.last.epoch) == (2, 3)
        assert record.selected == select
        assert record.chosen.epoch == ticket.provenance["epoch"] == {"best": 2, "last": 3}[select]
        judge = make_recipe(SETTINGS).judge
        measured = measured_accuracies(ticket, few_digits.test, judge, seed=0)
        for other in records.values():
            found = getattr(other.results, select)
            assert without_seconds(found) == {"epoch": found.epoch} | without_seconds(measured)
    assert records["best"].results.best != records["best"].results.last


def test_who_watches_hears_notes_steps_and_what_the_test_will_cost(
    few_digits: st.Data, tmp_path: Path
) -> None:
    recipe = make_recipe(SETTINGS | {"learning.epochs": 2, "learning.validate_every": 2})
    events: list[Event] = []
    notes: list[str] = []

    data = replace(few_digits, notes=("a note on the data",))
    run(recipe, tmp_path, data=data, observe=events.append, tell=notes.extend)

    assert [(event.step, event.steps) for event in events] == [(n, 4) for n in (1, 2, 3, 4)]
    assert "a note on the data" in notes
    assert {event.judging for event in events} == {judging_share(recipe, 256, 90) * 4}
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in log] == [1, 2]
    assert [line["validation"] is None for line in log] == [True, False]
    assert [epoch.loss for epoch in events[-1].epochs] == [line["loss"] for line in log]


def test_a_folder_in_use_is_refused_unless_the_caller_holds_it(
    few_digits: st.Data, tmp_path: Path
) -> None:
    recipe = make_recipe(SETTINGS | {"learning.epochs": 1})

    with lease.held_alone(tmp_path) as held:
        with pytest.raises(InputError, match="is in use by process"):
            run(recipe, tmp_path, data=few_digits)
        assert [file.name for file in tmp_path.iterdir()] == [held.path.name]
        run(recipe, tmp_path, data=few_digits, leased=True)
        assert held.path.exists()

    assert (tmp_path / "record.json").exists()


def test_who_lost_the_folder_stops_at_the_next_step(
    few_digits: st.Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []

    def observe(event: Event) -> None:
        events.append(event)
        monkeypatch.setattr(lease.Lease, "lost", True)

    with pytest.raises(lease.LeaseLost, match="another process has taken"):
        run(make_recipe(SETTINGS), tmp_path, data=few_digits, observe=observe)

    assert len(events) == 1
    assert not (tmp_path / "record.json").exists()


def epoch(number: int, robust: int, fgsm: int, *signs: str) -> Epoch:
    watch = Watch(fgsm=Accuracy(fgsm, 180), pgd=Accuracy(robust, 180))
    return Epoch(number, 1.0, 0.1, 0.0, None, signs, watch)


def test_a_sign_is_told_once_with_its_first_epoch_and_a_collapse_first() -> None:
    healthy = [epoch(1, 90, 20), epoch(2, 90, 100, "flat"), epoch(3, 95, 100, "empty", "flat")]

    assert warnings_of([]) == warnings_of(healthy[:1]) == []
    assert warnings_of(healthy) == ["since epoch 2: flat", "since epoch 3: empty"]
    collapse, *others = warnings_of([*healthy, epoch(4, 0, 180)])
    assert collapse.startswith("catastrophic overfitting in epoch 4: ")
    assert others == ["since epoch 2: flat", "since epoch 3: empty"]


COUNTS = {"correct": 3, "total": 4, "interval": (0.1, 0.9)}
ROW = {"title": "pgd-20", "name": "pgd", "norm": "linf", "epsilon": "0.1"}


def test_a_record_in_a_line_says_the_accuracy_that_counts() -> None:
    chosen = {"epoch": 2, "natural": COUNTS, "attacks": [ROW | COUNTS | {"correct": 1}]}
    last = {"epoch": 3, "natural": COUNTS | {"correct": 2}, "attacks": [ROW | COUNTS]}
    drawn = RunRecord(
        recipe={"task": "draw"},
        selected="best",
        results={"best": chosen, "last": last},
        weights={"kept": 1, "total": 2},
        bytes=1,
    )
    worst = {"norm": "linf", "epsilon": "0.1", **COUNTS}
    judged = EvaluationRecord(
        natural=COUNTS, attacks=[], worst_case=worst, worst_cases=[worst], warning_signs=[]
    )

    assert outcome(drawn) == "natural 75.0 %, robust 25.0 %"
    assert outcome(drawn.model_copy(update={"selected": "last"})) == (
        "natural 50.0 %, robust 75.0 %"
    )
    assert outcome(judged) == "worst case 75.0 %"
    assert outcome(judged.model_copy(update={"worst_case": None})) == "done"
    assert outcome(TransferRecord(networks=(), natural={}, total=1, matrices=())) == "done"
