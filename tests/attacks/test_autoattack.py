"""The AutoAttack adapter: the same images, side effects undone, warnings collected."""

from __future__ import annotations

import builtins
import logging
import sys
import warnings

import pytest
import torch
from torch import Tensor

from networks import random_images, small_network, stream
from scratchticket.attacks import Attack, AutoAttack, L2Ball, LinfBall, Stage, apgd
from scratchticket.attacks.autoattack import (
    STAGES,
    collected_warnings,
    flags,
    library,
    restored_globals,
    stage,
)
from scratchticket.base.errors import InputError

pyautoattack = pytest.importorskip("pyautoattack")


def test_the_four_stages_in_sequence_return_the_images_of_autoattack() -> None:
    network, images = small_network(2, seed=3), random_images(8)
    labels = network(images).argmax(dim=1)
    seed = int(torch.randint(2**31, (1,), generator=stream()))
    whole = pyautoattack.AutoAttack(network, norm="Linf", eps=2 / 255, seed=seed)
    whole.fab.n_iter, whole.square.n_queries = 10, 100
    with warnings.catch_warnings(), restored_globals(), collected_warnings():
        warnings.simplefilter("ignore")
        theirs, _ = whole.run_standard_evaluation(images, labels, batch_size=8)

    left, ours = torch.arange(8), images.clone()
    for name in STAGES:
        attack = Attack(Stage(name, 10 if name == "fab-t" else 100, queries=100), "2/255")
        found = attack(network, images[left], labels[left], stream()).images
        still = network(found).argmax(dim=1) == labels[left]
        ours[left[~still]] = found[~still]
        left = left[still]

    assert torch.equal(ours, theirs)
    assert 0 < len(left) < 8


def test_global_generators_and_trace_function_are_restored() -> None:
    network, images = small_network(), random_images(4)
    labels = network(images).argmax(dim=1)
    state, trace = torch.random.get_rng_state(), sys.gettrace()

    def tracer(frame: object, event: str, argument: object) -> None:
        pass

    sys.settrace(tracer)
    try:
        flags(network, images, labels)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(trace)
    stage("square", network, images, labels, LinfBall(0.1), queries=5, generator=stream())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_an_ordinary_network_raises_no_flag() -> None:
    network, images = small_network(), random_images(8)

    assert flags(network, images, network(images).argmax(dim=1)) == []


def test_flags_report_networks_unsuited_to_autoattack() -> None:
    network, images = small_network(), random_images(8)
    labels = network(images).argmax(dim=1)

    def random(batch: Tensor) -> Tensor:
        logits: Tensor = network(batch)
        return logits + torch.randn_like(logits)

    def dynamic(batch: Tensor) -> Tensor:
        with torch.enable_grad():
            batch = batch.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(network(batch).sum(), batch)
        logits: Tensor = network(batch + 0 * gradient)
        return logits.detach()

    said = {
        name: " ".join(flags(candidate, images, labels))
        for name, candidate in {
            "random": random,
            "dynamic": dynamic,
            "probabilities": lambda batch: network(batch).softmax(dim=1),
            "three classes": lambda batch: network(batch)[:, :3],
        }.items()
    }

    assert "randomized defense" in said["random"]
    assert "dynamic defense" in said["dynamic"]
    assert "probability distribution" in said["probabilities"]
    assert "3 classes" in said["three classes"]
    assert flags(network, images, labels) == []  # no warnings of earlier calls


def test_warnings_of_zero_gradients_are_collected() -> None:
    def flat(batch: Tensor) -> Tensor:
        return (
            torch.nn.functional.one_hot(batch.mean((1, 2, 3)).gt(0.5).long(), 5) + 0 * batch.sum()
        )

    images = random_images(4)
    with collected_warnings() as said:
        stage(
            "apgd-t", flat, images, flat(images).argmax(dim=1), LinfBall(0.01), generator=stream()
        )

    assert "zero gradient" in " ".join(said)
    assert logging.getLogger("auto-attack").handlers == []


def test_too_few_classes_and_a_missing_library_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = random_images(2), torch.zeros(2, dtype=torch.long)
    three = lambda batch: batch.flatten(1)[:, :3]  # noqa: E731

    with pytest.raises(InputError, match="needs at least 4 classes, got 3"):
        stage("apgd-t", three, images, labels, LinfBall(0.1), generator=stream())
    two = lambda batch: batch.flatten(1)[:, :2]  # noqa: E731
    with pytest.raises(InputError, match="apgd-dlr needs at least 3 classes, got 2"):
        stage("apgd-dlr", two, images, labels, LinfBall(0.1), generator=stream())
    original = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name.startswith("pyautoattack"):
            raise ImportError(name)
        return original(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'scratchticket\[autoattack\]'"):
        stage("square", three, images, labels, LinfBall(0.1), generator=stream())


@pytest.mark.parametrize("version", ["standard", "rand"])
def test_autoattack_returns_the_iterate_of_largest_loss_where_it_fails(version: str) -> None:
    network, images = small_network(2, seed=3), random_images(10)
    labels = network(images).argmax(dim=1)
    labels[0] = (labels[0] + 1) % 10  # misclassified without an attack
    attack = Attack(AutoAttack(version, steps=5, queries=20, draws=2), "1/255")  # type: ignore[arg-type]

    found = attack(network, images, labels, stream())

    climbed = apgd(
        network, images, labels, LinfBall(1 / 255), steps=5, keep="best", generator=stream()
    )
    fooled = network(found.images).argmax(dim=1) != labels
    assert found.resisted is not None
    assert torch.equal(found.resisted, ~fooled)
    assert 0 < int(found.resisted[1:].sum()) < 9
    untouched = found.resisted.clone()
    untouched[0] = True  # no stage attacks a misclassified image
    assert torch.equal(found.images[untouched], climbed[untouched])
    assert float((found.images - images).abs().max()) <= 1 / 255 + 1e-6


@pytest.mark.parametrize("classes", [4, 12])
def test_stages_target_all_wrong_classes_up_to_nine(
    classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, weights = random_images(2), torch.randn(64, classes, generator=stream())
    made: dict[str, dict[str, object]] = {}
    base, fab, square = library()

    def record(kind: object, name: str) -> None:
        def perturb(attack: object, batch: Tensor, truth: Tensor) -> Tensor:
            made[name] = vars(attack)
            return batch

        monkeypatch.setattr(kind, "perturb", perturb)

    kinds = (base.APGDAttack, base.APGDAttack_targeted, fab, square)
    for kind, name in zip(kinds, ("apgd", "apgd-t", "fab-t", "square"), strict=True):
        record(kind, name)
    draws = stream()
    for name in ("apgd-ce", "apgd-t", "fab-t", "square"):
        stage(
            name,  # type: ignore[arg-type]
            lambda points: points.flatten(1) @ weights,
            images,
            torch.zeros(2, dtype=torch.long),
            L2Ball(0.5),
            steps=7,
            queries=9,
            draws=3,
            generator=draws,
        )

    targets = min(9, classes - 1)
    assert made["apgd-t"]["n_target_classes"] == made["fab-t"]["n_target_classes"] == targets
    assert made["fab-t"]["targeted"] is True
    assert [made[name]["n_iter"] for name in ("apgd", "apgd-t", "fab-t")] == [7, 7, 7]
    assert made["square"]["n_queries"] == 9
    assert made["apgd"]["eot_iter"] == 3
    assert {(one["norm"], one["eps"]) for one in made.values()} == {("L2", 0.5)}
    assert len({one["seed"] for one in made.values()}) == 4  # one seed per attack
