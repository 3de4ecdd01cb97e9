"""Transfer matrices and switches between linear networks, against closed forms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from linear_networks import Half, Turned, right_under, subject
from pytest import approx
from torch import Tensor

from scratchticket.attacks import PGD, Attack
from scratchticket.attacks.set_gradient import SetPGD
from scratchticket.base.errors import InputError
from scratchticket.base.record import SwitchRecord, TransferRecord, to_json
from scratchticket.data import ImageSet
from scratchticket.evaluation import Balls, Shard
from scratchticket.evaluation.transfer import SET, SourcedAttack
from scratchticket.judging import switches
from scratchticket.judging.subject import Subject
from scratchticket.judging.switches import (
    SwitchTask,
    TransferTask,
    check_epsilons,
    unique_names,
)
from scratchticket.judging.task import carry_out

SOURCE = {"name": "known", "part": "test", "of": 20}
WHERE = Balls("linf", ("0.02",), (), "1")
UPPER, LOWER = Half(upper=True), Half(upper=False)
HALVES = {"upper": subject(UPPER), "lower": subject(LOWER)}
OPPOSITES = {"one": subject(), "other": subject(Turned())}


def images_of_halves(count: int = 20) -> ImageSet:
    """Return images far from the boundaries of both halves, labelled as the upper one sees them.

    So a random start on one half moves no image across the boundary of the other.
    """
    drawn = torch.randint(60, 200, (900, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    logits = torch.stack([half(drawn / 255)[:, 0] for half in (UPPER, LOWER)])
    images = drawn[(logits.abs() > 0.2).all(dim=0)][:count].to(torch.uint8)
    return ImageSet(images, UPPER(images / 255).argmax(dim=1))


def mirrored_images(count: int = 20) -> ImageSet:
    """Return images on which both opposites have the same small margin; two have wrong labels.

    What fools one network moves the other further away from its boundary: no image fools both.
    """
    draws = torch.Generator().manual_seed(0)
    half = torch.randint(60, 200, (count, 1, 4, 8), generator=draws).to(torch.uint8)
    labels = torch.zeros(count, dtype=torch.int64)
    labels[:2] = 1
    return ImageSet(torch.cat([half, half.flip(-1, -2)], dim=2), labels)


def counts(right: Tensor) -> int:
    return int(right.sum())


def transfer(images: ImageSet, **more: Any) -> TransferTask:
    return TransferTask(HALVES, images, SOURCE, WHERE, 5, **more)


def switch(subjects: dict[str, Subject], images: ImageSet, **more: Any) -> SwitchTask:
    return SwitchTask(subjects, images, SOURCE, more.pop("where", WHERE), 5, **more)


def judged(task: Any, **more: Any) -> Any:
    record = carry_out(task, **more)
    assert record is not None
    return record


def test_rows_of_a_transfer_matrix_are_attacked_and_columns_are_asked() -> None:
    images = images_of_halves()
    clean = {"upper": 20, "lower": counts(LOWER(images.images / 255).argmax(1) == images.labels)}
    robust = {
        "upper": counts(right_under(images, 0.02, UPPER)),
        "lower": counts(right_under(images, 0.02, LOWER)),
    }

    record: TransferRecord = judged(transfer(images))

    assert 0 < robust["lower"] < robust["upper"] < 20
    assert robust["lower"] < clean["lower"] < 20
    assert record.natural == clean
    assert (record.total, record.networks, record.data) == (20, ("upper", "lower"), SOURCE)
    assert [matrix.stops for matrix in record.matrices] == [True, False, False, False]
    for matrix in record.matrices:
        assert matrix.rows == {
            "upper": {"upper": robust["upper"], "lower": clean["lower"]},
            "lower": {"upper": clean["upper"], "lower": robust["lower"]},
        }
        assert matrix.diagonal == approx((robust["upper"] + robust["lower"]) / 40)
        assert matrix.off_diagonal == approx((clean["upper"] + clean["lower"]) / 40)


def test_shares_of_a_matrix_give_the_matrix(tmp_path: Path) -> None:
    images = images_of_halves()
    whole = judged(transfer(images, batch_size=6), folder=tmp_path / "whole")

    found = [
        carry_out(transfer(images, batch_size=6), folder=tmp_path / "shares", shard=Shard(i, 2))
        for i in (1, 2)
    ]

    assert found[0] is None
    assert found[1] is not None
    assert found[1].matrices == whole.matrices
    stored = json.loads((tmp_path / "shares" / "record.json").read_text())
    assert stored == to_json(found[1])
    assert (tmp_path / "shares" / "accuracy.svg").read_text().count("<svg") == 1


def test_a_network_no_better_than_chance_is_a_sign() -> None:
    images = images_of_halves()
    wrong = images.labelled(1 - LOWER(images.images / 255).argmax(dim=1))

    signs = judged(transfer(wrong)).warning_signs

    assert [sign.name for sign in signs] == ["chance"]
    assert signs[0].text.startswith("lower: natural accuracy 0.0 %")


@pytest.mark.parametrize("probabilities", [None, (0.75, 0.25)])
def test_the_worst_case_of_a_switch_is_that_of_every_image(
    probabilities: tuple[float, ...] | None,
) -> None:
    images = images_of_halves()
    robust = {"upper": right_under(images, 0.02, UPPER), "lower": right_under(images, 0.02, LOWER)}
    first, second = probabilities or (0.5, 0.5)

    record: SwitchRecord = judged(switch(HALVES, images, probabilities=probabilities))

    alone = {name: counts(right) for name, right in robust.items()}
    left = (first * alone["upper"] + second * alone["lower"]) / 20
    assert [(one.name, one.probability) for one in record.members] == [
        ("upper", first),
        ("lower", second),
    ]
    worst = record.worst_case
    assert worst is not None
    assert (worst.norm, worst.epsilon) == ("linf", "0.02")
    assert worst.expected == approx(left) == approx(worst.bound)
    assert {name: one.correct for name, one in worst.each.items()} == alone
    assert worst.all_right.correct == counts(robust["upper"] & robust["lower"])
    assert (worst.best_member.name, worst.best_member.correct) == ("upper", alone["upper"])
    assert worst.gain.startswith("no gain")
    # each image meets one attack on both halves: it is best to draw the better half alone
    assert record.game.value == approx(alone["upper"] / 20)
    assert record.game.probabilities == approx((1, 0))
    assert (record.game.answered, record.game.rounds) == (False, ())
    assert record.dense is None
    assert record.suite == "quick"


def test_opposites_are_worth_half_and_gain_over_each_and_over_a_dense_network() -> None:
    """The game of two tickets of which every attack fools one: its value is 1/2 at (1/2, 1/2)."""
    record: SwitchRecord = judged(switch(OPPOSITES, mirrored_images(), dense=subject()))

    assert record.natural.expected == approx(18 / 20)
    worst = record.worst_case
    assert worst is not None
    assert worst.expected == approx(9 / 20) == approx(record.game.value)
    assert record.game.probabilities == approx((0.5, 0.5))
    assert record.game.epsilon == "0.02"
    assert worst.best_member.correct == 0
    assert (worst.bound, worst.gain, worst.gain_over_dense) == (0, "gain", "gain")
    assert record.worst_cases == (worst,)
    assert record.dense is not None
    assert record.dense.worst_case is not None
    assert record.dense.worst_case.each.keys() == {"dense"}
    assert record.dense.worst_case.expected == 0
    assert [(one.name, one.probability) for one in record.dense.members] == [("dense", 1)]


STRONG, STILL = PGD(5, random_start=False), PGD(1, step_size="0.0001", random_start=False)


def few_attacks(
    name: str, members: Sequence[str], where: Balls, classes: int, known: Any = None
) -> list[SourcedAttack]:
    """Return a suite of two attacks."""
    on_members = [SourcedAttack(Attack(STRONG, where.epsilons[0]), name) for name in members]
    return [*on_members, SourcedAttack(Attack(SetPGD(5), where.epsilons[0]), SET)]


def test_a_dense_network_that_resists_is_a_loss_and_one_that_knows_nothing_a_sign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(switches, "switch_suite", few_attacks)
    images, sure = mirrored_images(), Turned()
    sure.linear.low += 20  # the third class wins everywhere
    always_third = images.labelled(torch.full_like(images.labels, 4))

    lost: SwitchRecord = judged(switch(OPPOSITES, always_third, dense=subject(sure)))

    assert lost.worst_case is not None
    assert (lost.worst_case.expected, lost.worst_case.gain_over_dense) == (0, "loss")
    assert {sign.text.partition(":")[0] for sign in lost.warning_signs} == {"one", "other"}
    ignorant: SwitchRecord = judged(switch(OPPOSITES, images, dense=subject(sure)))
    assert {sign.text.partition(":")[0] for sign in ignorant.warning_signs} == {"dense"}


def test_the_game_goes_on_until_the_attackers_answer_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [
        SourcedAttack(Attack(STRONG, "0.02"), "one"),
        SourcedAttack(Attack(STILL, "0.02"), "other"),
        SourcedAttack(Attack(SetPGD(1, step_size="0.0001", random_start=False), "0.02"), SET),
        SourcedAttack(Attack(STRONG, "0.03"), "other"),  # in a larger ball
        SourcedAttack(Attack(STRONG, "0.02", "l2"), "other"),  # in a ball of another norm
    ]
    monkeypatch.setattr(switches, "switch_suite", lambda *_: known)
    where = Balls("linf", ("0.02", "0.03"), (), "1")
    task = switch(OPPOSITES, mirrored_images(), suite="full", where=where)

    game = judged(task, folder=tmp_path).game

    first, last = game.rounds[0], game.rounds[-1]
    assert first["probabilities"] == approx((0, 1))  # only attacks on the first are known
    assert (first["value"], first["after"]) == (approx(18 / 20), approx(0))
    assert last["value"] == approx(last["after"]) == approx(9 / 20)
    assert game.value == approx(9 / 20)
    assert game.probabilities == approx((0.5, 0.5))
    assert (game.epsilon, game.answered, game.settled) == ("0.02", True, True)
    assert json.loads((tmp_path / "record.json").read_text())["game"]["settled"] is True
    journal = (tmp_path / "journal.jsonl").read_bytes()
    assert journal.count(b"round 1 of the game") == journal.count(b"round 2 of the game") == 7
    (tmp_path / "record.json").unlink()
    assert judged(task, folder=tmp_path).game == game
    assert (tmp_path / "journal.jsonl").read_bytes() == journal  # every answer was in it


def test_the_attacker_may_leave_an_image_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fools the first network makes the other one right, which is wrong by itself."""
    images = mirrored_images()
    images.images[..., -1, -1] += 26
    attack = SourcedAttack(Attack(STRONG, "0.02"), "one")
    monkeypatch.setattr(switches, "switch_suite", lambda *_: [attack])

    game = judged(switch(OPPOSITES, images)).game

    assert game.probabilities == approx((0.5, 0.5))
    assert game.value == approx(1 / 2)  # two labels are those that the other one gives


def test_a_switch_is_finished_when_its_dense_network_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switches, "switch_suite", few_attacks)
    task = switch(OPPOSITES, mirrored_images(), dense=subject(), batch_size=10)

    class Killed(Exception):
        pass

    def die(name: str, done: int, total: int) -> None:
        if name.startswith("dense: "):
            raise Killed

    with pytest.raises(Killed):
        carry_out(task, folder=tmp_path, shard=Shard(2, 2), progress=die)
    assert carry_out(task, folder=tmp_path, shard=Shard(1, 2)) is None
    record = judged(task, folder=tmp_path, shard=Shard(2, 2))

    assert record.dense is not None
    assert record.worst_case.expected == approx(9 / 20)


def test_all_that_decides_a_switch_is_in_its_plan() -> None:
    images = mirrored_images()
    plans = [
        switch(OPPOSITES, images).plan(),
        switch({"one": subject()}, images).plan(),
        switch(HALVES, images).plan(),
        switch(OPPOSITES | {"other": subject(file="x.pt")}, images).plan(),
        switch(OPPOSITES, images[slice(19)]).plan(),
        switch(OPPOSITES, images, seed=1).plan(),
        switch(OPPOSITES, images, batch_size=8).plan(),
        switch(OPPOSITES, images, suite="full").plan(),
        switch(OPPOSITES, images, probabilities=(0.5, 0.5)).plan(),
        switch(OPPOSITES, images, probabilities=(0.6, 0.4)).plan(),
        switch(OPPOSITES, images, dense=subject()).plan(),
        switch(OPPOSITES, images, dense=subject(file="x.pt")).plan(),
        switch(OPPOSITES, images, where=Balls("linf", ("0.03",), (), "1")).plan(),
        switch(OPPOSITES, images, where=Balls("l2", ("0.02",), (), "8")).plan(),
        TransferTask(OPPOSITES, images, SOURCE, WHERE, 5).plan(),
    ]

    assert all(one != other for at, one in enumerate(plans) for other in plans[:at])
    assert plans[0] == switch(OPPOSITES, mirrored_images(), batch_size=1024).plan()
    assert json.loads(json.dumps(plans)) == plans


def test_several_networks_are_at_least_one_with_a_seed() -> None:
    with pytest.raises(InputError, match="give at least one network"):
        switch({}, mirrored_images())
    with pytest.raises(InputError, match="seed must be an integer"):
        switch(OPPOSITES, mirrored_images(), seed=-1)


def test_a_suite_has_so_many_epsilons() -> None:
    check_epsilons("quick", ["0.1"])
    check_epsilons("full", ["0.1", "0.2"])
    check_epsilons("unheard of", ["0.1", "0.2", "0.3"])
    with pytest.raises(InputError, match="suite quick takes at most 1 epsilon, got 2"):
        check_epsilons("quick", ["0.1", "0.2"])
    with pytest.raises(InputError, match="suite full takes at most 2 epsilon, got 3"):
        check_epsilons("full", ["0.1", "0.2", "0.3"])


def test_names_are_as_short_as_they_may_be(tmp_path: Path) -> None:
    near, far = (tmp_path / side / "same" / "ticket.safetensors" for side in ("near", "far"))

    assert unique_names([(near, None), (far, None)]) == ["near/same/ticket", "far/same/ticket"]
    assert unique_names([(near, None), (tmp_path / "dense.pt", None)]) == ["ticket", "dense"]
    assert unique_names([(near, 0), (near, 1), (far, None)]) == [
        "near/same/ticket[0]",
        "near/same/ticket[1]",
        "far/same/ticket",
    ]
    for twice in (
        [(near, None), (near, None)],
        [(far, 1), (near / "../../../far/same" / far.name, 1)],
    ):
        with pytest.raises(InputError, match="is given twice; give each network once"):
            unique_names(twice)
