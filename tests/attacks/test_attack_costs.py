"""Forward passes of attacks: budgets hold, and success ends the search for an image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from networks import Linear, stream
from scratchticket.attacks import (
    APGD,
    FGSM,
    PGD,
    Attack,
    Bandits,
    CarliniWagner,
    Method,
    Noise,
    Stage,
    TargetedAPGD,
)
from scratchticket.attacks.arc import ARC
from scratchticket.attacks.set_gradient import SetAPGD, SetPGD
from scratchticket.attacks.sets import NetworkSet
from scratchticket.attacks.square import SetSquare

NETWORK = Linear(64)  # predicts class 0 for a grey image, with a margin of 0.1
CHECK = 1  # forward pass that evaluates the last iterate
PASSES: list[tuple[Method, int, int]] = [  # if the attack fails; if the image needs no attack
    (FGSM(), 1, 1),
    (PGD(10), 10, 1),
    (PGD(10, keep="last"), 10, 10),
    (PGD(10, keep="worst"), 10 + CHECK, 1),
    (PGD(10, keep="best"), 10 + CHECK, 11),
    (PGD(10, restarts=3), 3 * 10 + 2 * CHECK, 1),
    (PGD(10, restarts=3, keep="best"), 3 * (10 + CHECK), 33),
    (APGD(10), 11, 1),
    (APGD(10, restarts=3), 33, 1),
    (APGD(10, restarts=3, keep="best"), 33, 33),
    (TargetedAPGD(10, targets=2), 1 + 2 * 11, 2),
    (TargetedAPGD(10), 1 + 4 * 11, 2),  # all four wrong classes
    (Noise(7), 7, 1),
    (Bandits(50), 48, 3),
    (CarliniWagner(3, 10), 3 * 11, 33),
]


def cost(method: Method, *labels: int, networks: int = 0) -> int:
    """Return how many images pass forward in an attack on grey images, too weak to fool any."""
    passed = 0

    def counted(images: Tensor) -> Tensor:
        nonlocal passed
        passed += len(images)
        return NETWORK(images)

    images, truth = torch.full((len(labels), 1, 8, 8), 0.5), torch.tensor(labels)
    network = NetworkSet([counted] * networks) if networks else counted
    attack = Attack(method, None if method.nearest else "0.0001", method.norms[0])
    attack(network, images, truth, stream())
    return passed


@pytest.mark.parametrize(("method", "failing", "misclassified"), PASSES, ids=str)
def test_attacks_take_the_expected_number_of_forward_passes(
    method: Method, failing: int, misclassified: int
) -> None:
    assert cost(method, 0) == failing
    assert cost(method, 1) == misclassified
    # the search ends for each image on its own
    assert cost(method, 1, 0, 1) == failing + 2 * misclassified


@pytest.mark.parametrize(
    ("method", "passes"),
    [
        (SetPGD(10, restarts=2), 2 * 2 * (10 + CHECK)),
        (SetAPGD(10, restarts=2), 2 * 2 * 11),
        (ARC(4, step_size="0.0001", restarts=2), 2 * (2 + 4 * 2 * 3)),  # see ARC.passes
    ],
    ids=str,
)
def test_attacks_on_a_set_pass_images_through_every_network(method: Method, passes: int) -> None:
    assert cost(method, 0, networks=2) == passes


def test_every_query_of_square_is_one_pass_through_each_network() -> None:
    pytest.importorskip("pyautoattack")

    assert cost(Stage("square", queries=25), 0) - cost(Stage("square", queries=2), 0) == 23
    assert cost(SetSquare(25), 0, networks=2) - cost(SetSquare(2), 0, networks=2) == 2 * 23
    assert cost(SetSquare(25), 0, networks=2) <= 2 * (25 + CHECK)


@pytest.mark.parametrize("queries", [1, 2, 3, 5, 6])
def test_bandits_spend_their_queries_in_whole_steps(queries: int) -> None:
    assert cost(Bandits(queries), 0) == queries // 3 * 3
