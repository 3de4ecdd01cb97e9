"""Adversarial images do not depend on the batch, its order, or the order of classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from networks import Curved, StillL2, StillLinf, stream
from scratchticket.attacks import (
    APGD,
    FGSM,
    METHODS,
    PGD,
    Attack,
    Ball,
    CarliniWagner,
    LinfBall,
    Method,
    Network,
    Noise,
    TargetedAPGD,
    input_gradient,
)
from scratchticket.attacks.arc import ARC
from scratchticket.attacks.method import Target
from scratchticket.attacks.registry import make_method, settings_of
from scratchticket.attacks.set_gradient import SetAPGD, SetPGD
from scratchticket.attacks.sets import NetworkSet

NETWORK = Curved()
PAIR = NetworkSet([NETWORK, Curved(seed=1)])
EPSILON = 0.06
SINGLE: list[Method] = [
    FGSM(),
    PGD(6, "0.02", momentum=0.5),
    PGD(6, "0.02", keep="best", loss="scaled-ce"),
    APGD(12),
    APGD(12, keep="best", loss="dlr"),
    TargetedAPGD(8, targets=2),
    CarliniWagner(3, 15),
]
SETS: list[Method] = [
    SetPGD(6, "0.02", loss="mean-probabilities"),
    SetAPGD(12, loss="clamped-margin"),
    ARC(4, step_size="0.03"),
]


def some_images() -> tuple[Tensor, Tensor]:
    images = torch.rand(9, 1, 4, 4, generator=stream(1))
    return images, NETWORK(images).argmax(dim=1)


@pytest.mark.parametrize("ball", [StillLinf(EPSILON), StillL2(4 * EPSILON)], ids=["linf", "l2"])
@pytest.mark.parametrize("method", [*SINGLE, *SETS], ids=str)
def test_an_adversarial_image_does_not_depend_on_the_rest_of_the_batch(
    method: Method, ball: Ball
) -> None:
    network: Network = PAIR if method in SETS else NETWORK
    images, labels = some_images()
    order = torch.randperm(9, generator=stream(2))

    def found(rows: Tensor) -> Tensor:
        return method(Target(network, images[rows], labels[rows], ball, stream())).images

    together = found(torch.arange(9))
    torch.testing.assert_close(found(order), together[order], rtol=0, atol=1e-5)
    alone = torch.cat([found(torch.tensor([row])) for row in range(9)])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", SINGLE, ids=str)
def test_class_order_and_a_logit_offset_do_not_change_adversarial_images(method: Method) -> None:
    images, labels = some_images()
    order = torch.tensor([3, 0, 4, 1, 2])  # class of each permuted logit
    attack = Attack(method, None if method.nearest else "0.06", method.norms[0])

    def found(network: Callable[[Tensor], Tensor], truth: Tensor) -> Tensor:
        return attack(network, images, truth, stream()).images

    usual = found(NETWORK, labels)
    permuted = found(lambda points: NETWORK(points)[:, order], order.argsort()[labels])
    torch.testing.assert_close(permuted, usual, rtol=0, atol=1e-4)
    raised = found(lambda points: NETWORK(points) + points.detach().sum((1, 2, 3))[:, None], labels)
    torch.testing.assert_close(raised, usual, rtol=0, atol=1e-4)


def test_the_gradient_of_an_image_does_not_depend_on_the_others() -> None:
    images, labels = some_images()

    together, logits, losses = input_gradient(
        NETWORK, images, labels, torch.nn.CrossEntropyLoss(reduction="none")
    )

    for row in range(9):
        point = images[row : row + 1].clone().requires_grad_()
        loss = torch.nn.functional.cross_entropy(NETWORK(point), labels[row : row + 1])
        torch.testing.assert_close(together[row], torch.autograd.grad(loss, point)[0][0])
    assert not logits.requires_grad
    assert not losses.requires_grad


@pytest.mark.parametrize("name", METHODS)
def test_attacks_pass_only_pixels_in_the_unit_interval_to_the_network(name: str) -> None:
    if name == "square":
        pytest.importorskip("pyautoattack")
    few = {"steps": 3, "queries": 30, "draws": 3, "search_steps": 2, "step_size": "0.1"}
    known = settings_of(METHODS[name])
    method = make_method(name, {setting: few[setting] for setting in few if setting in known})
    passed: list[Tensor] = []

    def watched(points: Tensor) -> Tensor:
        passed.append(points.detach())
        return NETWORK(points)

    images = torch.rand(9, 1, 4, 4, generator=stream(1)).round()
    method(Target(watched, images, NETWORK(images).argmax(dim=1), LinfBall(0.3), stream()))

    assert passed or name == "none"
    assert all(0 <= float(points.min()) <= float(points.max()) <= 1 for points in passed)


@pytest.mark.parametrize("method", [PGD(5, "0.02"), PGD(5, "0.02", momentum=0.5), Noise(5), FGSM()])
def test_the_last_iterate_of_a_path_is_the_result_of_the_search(method: Method) -> None:
    images, labels = some_images()
    attack = Attack(method, "0.06")
    to_the_end = replace(method, keep="last") if isinstance(method, PGD) else method

    points = list(attack.method.path(Target(NETWORK, images, labels, attack.ball, stream())))

    assert len(points) == getattr(method, "steps", getattr(method, "draws", 1))
    assert all(float(attack.ball.distance(p, images).max()) <= 0.06 + 1e-6 for p in points)
    if not isinstance(method, Noise):
        end = Attack(to_the_end, "0.06")(NETWORK, images, labels, stream()).images
        assert torch.equal(points[-1], end)
    assert len({points.sum().item() for points in points}) == len(points)
