"""The l2 ball: closed-form maxima, geometry, and agreement with Foolbox."""

from __future__ import annotations

import pytest
import torch
from tests.attacks.test_pgd import TwoClassLinear, generator, small_network

import scratchticket as st
from scratchticket.attacks import L2Ball, perturb, pgd
from scratchticket.base.errors import InputError


@pytest.mark.parametrize("random_start", [False, True])
@pytest.mark.parametrize("epsilon", [0.1, 0.4])
def test_pgd_attains_the_closed_form_maximum(epsilon: float, random_start: bool) -> None:
    network, images = TwoClassLinear(num_pixels=12), torch.full((5, 12), 0.5)
    labels = torch.zeros(5, dtype=torch.long)

    adversarial = pgd(
        network,
        images,
        labels,
        L2Ball(epsilon),
        step_size=epsilon / 4,
        steps=40,
        generator=generator() if random_start else None,
    )

    margin_drop = (network(images) - network(adversarial)) @ torch.tensor([1.0, -1.0])
    expected = 2 * epsilon * network.weight.norm()
    torch.testing.assert_close(margin_drop, expected.expand(5), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["pgd", "fgsm", "fgsm-rs"])
def test_attacks_stay_in_the_ball_and_the_pixel_range(name: str) -> None:
    images, labels = torch.rand(16, 1, 8, 8).round(decimals=1), torch.arange(16) % 10
    recipe = st.AttackRecipe(name, 0.5, steps=5, norm="l2")  # type: ignore[arg-type]

    adversarial = perturb(recipe, small_network(), images, labels, generator=generator())

    assert adversarial.min() >= 0
    assert adversarial.max() <= 1
    assert recipe.ball.distance(adversarial, images).max() <= 0.5 + 1e-6
    assert not torch.equal(adversarial, images)


def test_random_starts_fill_the_ball_uniformly() -> None:
    images = torch.full((20_000, 1, 1, 3), 0.5)
    ball = L2Ball(0.3)

    started = ball.random_start(images, generator())

    shares = (ball.distance(started, images) / 0.3) ** 3  # uniform in [0, 1] in three dimensions
    assert float(shares.max()) <= 1 + 1e-5
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(shares.var()) == pytest.approx(1 / 12, rel=0.05)
    assert started.sub(0.5).mean(dim=0).abs().max() < 0.005


def test_the_length_of_a_step_does_not_depend_on_the_size_of_the_gradient() -> None:
    images, gradient = torch.full((2, 1, 4, 4), 0.5), torch.randn(2, 1, 4, 4)

    for scale in (1e-30, 1e-10, 1.0, 1e10):
        stepped = L2Ball(1.0).ascend(images, gradient * scale, 0.25)
        lengths = L2Ball(1.0).distance(stepped, images)
        torch.testing.assert_close(lengths, torch.full((2,), 0.25))


def test_a_zero_gradient_leaves_images_unchanged() -> None:
    images = torch.rand(3, 1, 4, 4)

    assert torch.equal(L2Ball(1.0).ascend(images, torch.zeros_like(images), 0.5), images)
    assert torch.equal(L2Ball(1.0).project(images, images), images)


def test_pgd_agrees_with_foolbox() -> None:
    foolbox = pytest.importorskip("foolbox")
    network = small_network().requires_grad_(False)
    images = torch.rand(16, 1, 8, 8)
    labels = network(images).argmax(dim=1)
    attack = foolbox.attacks.L2PGD(random_start=False, abs_stepsize=0.1, steps=10)
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")

    theirs = attack.run(model, images, foolbox.criteria.Misclassification(labels), epsilon=0.5)
    ours = pgd(network, images, labels, L2Ball(0.5), step_size=0.1, steps=10)

    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_title_record_and_step_size_depend_on_the_norm() -> None:
    recipe = st.AttackRecipe("pgd", "128/255", 10, norm="l2")

    assert str(recipe) == "pgd-10, l2, 128/255"
    assert recipe.facts()["norm"] == "l2"
    assert recipe.method.step_size == "32/255"
    assert st.AttackRecipe("pgd", "8/255", 10, norm="l2").method.step_size == "2/255"
    assert st.AttackRecipe("pgd", 2, norm="l2").epsilon == "2"
    with pytest.raises(InputError, match="unknown norm 'l1'"):
        st.AttackRecipe(norm="l1")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"epsilon must lie in \[0, 1000\]"):
        st.AttackRecipe("pgd", 1001, norm="l2")


def test_robust_accuracy_falls_with_the_radius_of_the_l2_ball(
    ticket: st.Ticket, few_digits: st.Data
) -> None:
    network = ticket.build()
    natural = st.natural_accuracy(network, few_digits.test)
    counts = [
        st.robust_accuracy(
            network, few_digits.test, st.AttackRecipe("pgd", epsilon, 10, norm="l2")
        ).correct
        for epsilon in (0, 0.05, 1)
    ]

    assert counts[0] == natural.correct
    assert counts[0] > counts[1] > counts[2]
