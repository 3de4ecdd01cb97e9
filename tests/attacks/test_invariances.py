"""What must not change the adversarial images: the batch, its order, and the names of classes."""

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
def test_an_image_is_attacked_alike_alone_and_in_a_batch_of_any_order(
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
def test_names_and_offsets_of_the_logits_do_not_matter(method: Method) -> None:
    images, labels = some_images()
    order = torch.tensor([3, 0, 4, 1, 2])  # the class at each place of the renamed logits
    attack = Attack(method, None if method.nearest else "0.06", method.norms[0])

    def found(network: Callable[[Tensor], Tensor], truth: Tensor) -> Tensor:
        return attack(network, images, truth, stream()).images

    usual = found(NETWORK, labels)
    renamed = found(lambda points: NETWORK(points)[:, order], order.argsort()[labels])
    torch.testing.assert_close(renamed, usual, rtol=0, atol=1e-4)
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
def test_a_network_is_only_asked_about_pixels_between_black_and_white(name: str) -> None:
    if name == "square":
        pytest.importorskip("pyautoattack")
    few = {"steps": 3, "queries": 30, "draws": 3, "search_steps": 2, "step_size": "0.1"}
    known = settings_of(METHODS[name])
    method = make_method(name, {setting: few[setting] for setting in few if setting in known})
    asked: list[Tensor] = []

    def watched(points: Tensor) -> Tensor:
        asked.append(points.detach())
        return NETWORK(points)

    images = torch.rand(9, 1, 4, 4, generator=stream(1)).round()
    method(Target(watched, images, NETWORK(images).argmax(dim=1), LinfBall(0.3), stream()))

    assert asked or name == "none"
    assert all(0 <= float(points.min()) <= float(points.max()) <= 1 for points in asked)


@pytest.mark.parametrize("method", [PGD(5, "0.02"), PGD(5, "0.02", momentum=0.5), Noise(5), FGSM()])
def test_the_path_of_a_search_ends_at_what_the_search_returns(method: Method) -> None:
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
