"""Set losses against plain arithmetic for unequal probabilities; losses of equal logits."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from networks import stream
from scratchticket.attacks import LOSSES, Loss
from scratchticket.attacks.losses import targeted_dlr
from scratchticket.attacks.sets import expected_error, randomised_ensemble, scaled_margin, set_loss

CHANCES = torch.tensor([0.7, 0.2, 0.1])
LABELS = torch.tensor([0, 2])


def logits() -> Tensor:
    """Return logits of three networks for two images and four classes."""
    return torch.randn(2, 3, 4, generator=stream())


def by_hand(name: str, of_image: Tensor, label: int) -> float:
    """Return a set loss of one image, computed with plain arithmetic."""
    rows, total = of_image.tolist(), 0.0
    if name == "mean-logits":
        mixed = [
            sum(p * row[c] for p, row in zip(CHANCES.tolist(), rows, strict=True)) for c in range(4)
        ]
        return math.log(sum(map(math.exp, mixed))) - mixed[label]
    for chance, row in zip(CHANCES.tolist(), rows, strict=True):
        right = math.exp(row[label]) / sum(map(math.exp, row))
        if name == "eot":
            total -= chance * math.log(right)
        elif name == "mean-probabilities":
            total += chance * right
        else:
            mean = sum(row) / 4
            deviation = math.sqrt(sum((value - mean) ** 2 for value in row) / 3)
            best = max(value for place, value in enumerate(row) if place != label)
            total += chance * min((best - row[label]) / deviation, 0.1)
    return -math.log(total) if name == "mean-probabilities" else total


@pytest.mark.parametrize("name", ["eot", "mean-probabilities", "mean-logits", "clamped-margin"])
def test_set_losses_weight_networks_by_their_probabilities(name: str) -> None:
    found = set_loss(name, CHANCES)(logits(), LABELS)  # type: ignore[arg-type]

    expected = [by_hand(name, own, int(label)) for own, label in zip(logits(), LABELS, strict=True)]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_the_expected_error_is_the_total_probability_of_fooled_networks() -> None:
    right, wrong = [9.0, 0.0], [0.0, 9.0]
    answers = torch.tensor([[right, wrong, right], [wrong, right, wrong]])

    found = expected_error(CHANCES)(answers, torch.tensor([0, 0]))

    torch.testing.assert_close(found, torch.tensor([0.2, 0.8]))


def test_networks_are_drawn_with_the_given_probabilities() -> None:
    repeated, label = logits()[:1].expand(20_000, 3, 4), LABELS[:1].expand(20_000)
    sampled = set_loss("eot", CHANCES, samples=1, generator=stream())(repeated, label)
    exact = set_loss("eot", CHANCES)(repeated[:1], label[:1])
    networks = [lambda images, n=n: torch.full((len(images), 2), float(n)) for n in range(3)]

    answers = randomised_ensemble(networks, CHANCES, stream())(torch.rand(20_000, 1, 2, 2))

    assert float(sampled.mean()) == pytest.approx(float(exact), abs=0.02)
    shares = answers[:, 0].long().bincount(minlength=3) / 20_000
    torch.testing.assert_close(shares, CHANCES, rtol=0, atol=0.015)


def towards_the_last(values: Tensor, labels: Tensor) -> Tensor:
    return targeted_dlr(values, labels, torch.full_like(labels, 3))


@pytest.mark.parametrize("loss", [*LOSSES.values(), towards_the_last], ids=[*LOSSES, "targeted"])
def test_losses_and_gradients_of_equal_logits_are_finite(loss: Loss) -> None:
    values = torch.full((2, 4), 0.5).requires_grad_()

    found = loss(values, LABELS)
    (gradient,) = torch.autograd.grad(found.sum(), values)

    assert bool(torch.isfinite(found).all())
    assert bool(torch.isfinite(gradient).all())


def test_the_scaled_margin_of_equal_logits_is_zero() -> None:
    assert scaled_margin(torch.full((2, 3, 4), 0.5), LABELS).tolist() == [[0.0] * 3] * 2
