"""Catastrophic overfitting is noticed where it happens, and the run does what its recipe says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

import scratchticket as st
from scratchticket.base.accuracy import Accuracy
from scratchticket.base.errors import Interrupted
from scratchticket.learning import (
    Epoch,
    Event,
    LearningRecipe,
    Session,
    Watch,
    catastrophic_overfitting,
)
from scratchticket.learning.overfitting import sound
from scratchticket.runs.api import validator
from scratchticket.runs.run import warnings_of
from scratchticket.tickets import drawing, training
from scratchticket.tickets.draw import Finished, Task

COLLAPSE = (30, 35), (40, 45), (2, 90), (3, 95)  # in the third epoch


def watch_of(pgd: int, fgsm: int, total: int = 1000) -> Watch:
    """Return a watch with these percentages."""
    return Watch(*(Accuracy(p * total // 100, total) for p in (fgsm, pgd)))


def log(*watched: tuple[int, int] | None) -> list[Epoch]:
    """Return a log with these percentages under PGD and FGSM."""
    return [
        Epoch(number, 1.0, 0.1, 0.0, None, watch=None if values is None else watch_of(*values))
        for number, values in enumerate(watched, start=1)
    ]


def test_a_collapse_under_pgd_while_fgsm_rises_is_found_where_it_happens() -> None:
    found = catastrophic_overfitting(log((30, 35), (40, 48), (12, 70), (0, 95)))

    assert found is not None
    assert found.epoch == 3


def test_what_is_no_catastrophic_overfitting() -> None:
    for epochs in (
        log((30, 35), (40, 48), (38, 49)),  # chance
        log((30, 35), (40, 48), (10, 20)),  # both fall: the run is bad, not overfitted
        log((40, 45), None, None),  # the inner attack makes more than one step
        log(),
    ):
        assert catastrophic_overfitting(epochs) is None


def test_few_images_are_not_significant() -> None:
    few = [
        Epoch(1, 1.0, 0.1, 0.0, None, watch=watch_of(*p, total=10)) for p in ((50, 60), (20, 80))
    ]

    assert catastrophic_overfitting(few) is None


def test_an_epoch_is_sound_unless_significantly_below_the_best() -> None:
    assert sound(log((40, 45)))
    assert sound(log((40, 45), (37, 60)))
    assert not sound(log((40, 45), (30, 60)))
    assert not sound(log((40, 45), (30, 60), None, (31, 60)))


def scripted(watched: Iterator[tuple[int, int]]) -> Callable[[nn.Module], Watch]:
    """Return a watch that ignores the network and gives these percentages one after the other."""

    def watch(network: nn.Module) -> Watch:
        assert not network.training
        return watch_of(*next(watched))

    return watch


def task(
    data: st.Data, watched: tuple[tuple[int, int], ...] = COLLAPSE, **learning: object
) -> Task:
    """Return a search of four epochs with FGSM, by default one that overfits in the third."""
    attack = st.AttackRecipe("fgsm", 0.1)
    recipe = LearningRecipe(epochs=4, batch_size=64, select="last", validate_every=4)
    return Task(
        data,
        st.NetworkRecipe(width=4),
        attack,
        replace(recipe, **learning),  # type: ignore[arg-type]
        validator(data, st.AttackRecipe(epsilon=0.1, steps=2), 0),
        seed=1,
        watch=scripted(iter(watched)),
    )


def draw(task: Task, session: Session = Session()) -> Finished:
    return drawing(task, 0.3).run(session)


def test_the_recovered_run_is_the_one_that_had_two_steps_from_there_on(few_digits: st.Data) -> None:
    asked = task(few_digits, attacks="1/2:pgd-2")

    recovered, wanted = draw(task(few_digits, on_overfitting="recover")), draw(asked)

    assert [epoch.epoch for epoch in recovered.epochs] == [1, 2, 3, 4]
    assert [epoch.back_from for epoch in recovered.epochs] == [None, 3, None, None]
    assert [epoch.watch is None for epoch in recovered.epochs] == [False, False, True, True]
    assert [e.loss for e in recovered.epochs] == [e.loss for e in wanted.epochs]
    assert recovered.chosen.mask == wanted.chosen.mask
    assert warnings_of(recovered.epochs) == [
        "catastrophic overfitting in epoch 3: the run went back to the end of epoch 2 and went on "
        "with PGD-2"
    ]


def test_a_trained_network_recovers_too(few_digits: st.Data) -> None:
    asked = training(task(few_digits, attacks="1/2:pgd-2")).run(Session())

    recovered = training(task(few_digits, on_overfitting="recover")).run(Session())

    assert [e.loss for e in recovered.epochs] == [e.loss for e in asked.epochs]


@pytest.mark.parametrize("stop_after", [5, 9, 10, 13])  # of 16 steps and 4 that are repeated
def test_an_interrupted_run_recovers_to_the_same_bits(
    few_digits: st.Data, tmp_path: Path, stop_after: int
) -> None:
    undisturbed, taken = draw(task(few_digits, on_overfitting="recover")), 0

    def count(event: Event) -> None:
        nonlocal taken
        taken += 1

    watched = iter(COLLAPSE)
    same = replace(task(few_digits, on_overfitting="recover"), watch=scripted(watched))
    session = Session(tmp_path / "checkpoint", observe=count, stop=lambda: taken == stop_after)
    with pytest.raises(Interrupted):
        draw(same, session)
    resumed = draw(same, Session(tmp_path / "checkpoint"))

    assert resumed.chosen.to_bytes() == undisturbed.chosen.to_bytes()
    assert [e.back_from for e in resumed.epochs] == [None, 3, None, None]


def test_a_stopped_run_gives_its_last_sound_epoch(few_digits: st.Data) -> None:
    two = task(few_digits, COLLAPSE[:2], epochs=2, schedule="constant", validate_every=2)
    asked = draw(two)

    stopped = draw(task(few_digits, on_overfitting="stop", schedule="constant"))

    assert (stopped.chosen_epoch, stopped.other_epoch) == (2, 2)
    assert stopped.chosen.mask == asked.chosen.mask
    assert stopped.epochs[-1].validation == asked.epochs[-1].validation
    assert warnings_of(stopped.epochs) == [
        "catastrophic overfitting in epoch 3: the run went back to the end of epoch 2 and ended "
        "there"
    ]


def test_by_default_a_run_goes_on_with_a_warning(few_digits: st.Data) -> None:
    warned, unwatched = draw(task(few_digits)), draw(replace(task(few_digits), watch=None))

    assert warned.chosen.to_bytes() == unwatched.chosen.to_bytes()
    (warning,) = warnings_of(warned.epochs)
    assert warning.startswith("catastrophic overfitting in epoch 3: on validation images")
    assert warnings_of(unwatched.epochs) == []


def test_nothing_is_watched_where_the_attack_has_more_than_one_step(few_digits: st.Data) -> None:
    run = task(few_digits, COLLAPSE[:2], attacks="1/2:pgd-3")  # a third call would fail

    with suppress(StopIteration):
        epochs = draw(run).epochs

    assert [epoch.watch is None for epoch in epochs] == [False, False, True, True]
