"""An attack step by step says what the attack, the networks and the switch say by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from scratchticket.attacks import PGD, Attack, pgd
from scratchticket.attacks.sets import NetworkSet, set_loss
from scratchticket.base import rng
from scratchticket.base.errors import InputError
from scratchticket.data import pixels
from scratchticket.page import SWITCH, AttackRequest, TicketSet, attacks, try_attack
from scratchticket.page.each import EACH, try_each
from scratchticket.page.sets import NATURAL, ROBUST

NAMES = ("ratio-0.3", "ratio-0.5")
REQUEST = AttackRequest(NAMES, epsilon="0.2", steps=4)


@pytest.fixture(scope="module")
def image(chosen: TicketSet) -> Tensor:
    assert chosen.samples is not None
    return chosen.samples.images[7]


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("attack", attacks())
def test_every_step_lies_in_the_ball(
    chosen: TicketSet, image: Tensor, attack: str, norm: Any
) -> None:
    request = AttackRequest(NAMES, attack=attack, epsilon="0.3", norm=norm, steps=3)

    trial = try_attack(chosen, image, request, label=3)

    assert len(trial) == (4 if attack in {"pgd", "cw-inf", "noise"} else 2)
    assert (trial.images[0] == pixels(image[None])[0]).all()
    assert trial.images.min() >= 0
    assert trial.images.max() <= 1
    assert trial.distances[0] == 0
    assert 0 < trial.distances[1:].max() <= 0.3 + 1e-5


def test_the_last_step_is_what_the_attack_on_the_set_returns(
    chosen: TicketSet, image: Tensor
) -> None:
    trial = try_attack(chosen, image, REQUEST, label=3, seed=5)

    switch = chosen.switch(NAMES)
    expected = pgd(
        NetworkSet(switch.networks),
        pixels(image[None]),
        torch.tensor([3]),
        REQUEST.made.ball,
        step_size=0.125,
        steps=4,
        loss=set_loss("eot", switch.probabilities),
        generator=rng.generator(5, "attack"),
    )
    torch.testing.assert_close(trial.images[-1:], expected)
    assert str(REQUEST) == str(Attack(PGD(4), "0.2"))


@pytest.mark.parametrize("source", [NAMES[1], ROBUST])
def test_an_attack_on_one_network_lowers_its_own_chance(
    chosen: TicketSet, image: Tensor, source: str
) -> None:
    request = replace(REQUEST, source=source, tickets=NAMES[1:], steps=10)

    trial = try_attack(chosen, image, request)

    attacked = trial.dense[ROBUST] if source == ROBUST else trial.probabilities[:, 0]
    assert attacked[-1, trial.label] < attacked[0, trial.label]


def test_the_switch_is_right_as_often_as_its_tickets(chosen: TicketSet, image: Tensor) -> None:
    trial = try_attack(chosen, image, REQUEST, label=3)

    switch = chosen.switch(NAMES)
    for position in range(len(trial)):
        here = trial.images[position][None]
        assert trial.right[position] == switch.expected_accuracy(here, torch.tensor([3]))
    with torch.no_grad():
        each = switch.logits(trial.images).softmax(dim=2)
    torch.testing.assert_close(trial.expected, each[:, :, 3].mean(dim=1))
    for answers, drawn in zip(trial.answers, trial.drawn, strict=True):
        assert set(drawn.tolist()) <= set(answers.tolist())


def test_without_a_label_the_tickets_say_what_is_right(chosen: TicketSet, image: Tensor) -> None:
    trial = try_attack(chosen, image, REQUEST)

    assert not trial.known
    assert trial.label == int(trial.probabilities[0].mean(dim=0).argmax())


@pytest.mark.parametrize(
    "wrong",
    [
        {"attack": "magic"},
        {"epsilon": "8"},
        {"epsilon": "<b>"},
        {"norm": "l7"},
        {"steps": 0},
        {"steps": 51},
        {"source": "nobody"},
        {"tickets": ()},
        {"tickets": ("nobody",)},
    ],
)
def test_what_cannot_be_done_is_said(
    chosen: TicketSet, image: Tensor, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InputError):
        try_attack(chosen, image, replace(REQUEST, **wrong))


def test_there_may_be_no_dense_network(chosen: TicketSet, image: Tensor) -> None:
    alone = replace(chosen, dense={})

    assert try_attack(alone, image, REQUEST).dense == {}
    with pytest.raises(InputError, match="no ticket"):
        try_attack(alone, image, replace(REQUEST, source=ROBUST))
    with pytest.raises(InputError, match="shape"):
        try_attack(alone, image[:, :7], replace(REQUEST, source=SWITCH))


@pytest.mark.parametrize("label", [3, None])
def test_each_network_is_asked_its_own_images(
    chosen: TicketSet, image: Tensor, label: int | None
) -> None:
    trial, images = try_each(chosen, image, REQUEST, label=label)

    assert trial.request.source == EACH
    assert trial.known == (label is not None)
    answers = dict(zip(NAMES, trial.probabilities.unbind(dim=1), strict=True)) | trial.dense
    assert answers.keys() == images.keys() == {*NAMES, NATURAL, ROBUST}
    for name, own in answers.items():
        first = int(own[0].argmax()) if label is None else label
        asked = AttackRequest((NAMES[0],), name, epsilon="0.2", steps=4)
        alone = try_attack(chosen, image, asked, label=first)
        torch.testing.assert_close(images[name], alone.images)
        network = chosen.dense_networks().get(name) or chosen.switch((name,)).networks[0]
        with torch.no_grad():
            torch.testing.assert_close(own, network(images[name]).softmax(dim=1))
    assert not torch.equal(images[NATURAL][-1], images[ROBUST][-1])


def test_each_network_may_be_attacked_at_the_smallest_epsilon(
    chosen: TicketSet, image: Tensor
) -> None:
    trial, _ = try_each(chosen, image, AttackRequest(NAMES, epsilon="1e-300", steps=1), label=3)

    assert trial.distances.max() <= 1e-6
