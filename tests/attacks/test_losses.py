"""Losses: values by hand, the sign of margins, and invariances."""

from __future__ import annotations

import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from scratchticket.attacks import LOSSES, cross_entropy, dlr, margin
from scratchticket.attacks.losses import scaled_cross_entropy, targeted_dlr
from scratchticket.base.errors import InputError

LOGITS = torch.tensor([[4.0, 1.0, 3.0, 0.0], [0.0, 5.0, 2.0, 1.0]])


def test_values_are_those_of_the_definitions() -> None:
    labels = torch.tensor([0, 3])

    torch.testing.assert_close(margin(LOGITS, labels), torch.tensor([-1.0, 4.0]))
    torch.testing.assert_close(dlr(LOGITS, labels), torch.tensor([-1.0 / 3, 4.0 / 4]))
    towards = targeted_dlr(LOGITS, labels, torch.tensor([1, 0]))
    torch.testing.assert_close(towards, torch.tensor([-3.0 / 3.5, -1.0 / 4.5]))
    torch.testing.assert_close(
        cross_entropy(LOGITS, labels), -LOGITS.log_softmax(1)[[0, 1], labels]
    )


@pytest.mark.parametrize("name", ["margin", "dlr"])
def test_margins_are_positive_exactly_where_the_network_is_fooled(name: str) -> None:
    logits = torch.randn(200, 5)
    labels = torch.randint(5, (200,))

    assert torch.equal(LOSSES[name](logits, labels) > 0, logits.argmax(dim=1) != labels)


@pytest.mark.parametrize("name", ["dlr", "scaled-ce"])
def test_dlr_and_scaled_ce_are_invariant_to_the_scale_of_the_logits(name: str) -> None:
    logits, labels = torch.randn(20, 6), torch.randint(6, (20,))

    torch.testing.assert_close(LOSSES[name](1000 * logits, labels), LOSSES[name](logits, labels))


@settings(deadline=None)
@given(
    some.lists(some.integers(-80, 80).map(lambda quarters: quarters / 4), min_size=5, max_size=5),
    some.integers(0, 4),
    some.permutations(range(5)),
    some.integers(-8, 8),
)
def test_losses_are_invariant_to_class_order_and_a_logit_offset(
    values: list[float], label: int, order: list[int], offset: int
) -> None:
    logits, truth = torch.tensor([values]), torch.tensor([label])
    permuted = torch.tensor([order.index(label)])

    for loss in LOSSES.values():
        usual = loss(logits, truth)
        torch.testing.assert_close(loss(logits[:, order], permuted), usual, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(loss(logits + offset, truth), usual, rtol=1e-4, atol=1e-4)


def test_the_scale_of_the_scaled_cross_entropy_is_a_constant_in_its_gradient() -> None:
    logits, labels = (3 * LOGITS).requires_grad_(), torch.tensor([1, 3])

    losses = scaled_cross_entropy(logits, labels)
    (gradient,) = torch.autograd.grad(losses.sum(), logits)

    scale = torch.tensor([[statistics.stdev(row)] for row in (3 * LOGITS).tolist()])
    probabilities = (3 * LOGITS / scale).softmax(dim=1)
    picked = torch.nn.functional.one_hot(labels, 4)
    torch.testing.assert_close(losses, -(probabilities * picked).sum(dim=1).log())
    torch.testing.assert_close(gradient, (probabilities - picked) / scale)


def test_the_scaled_cross_entropy_has_a_gradient_where_that_of_cross_entropy_vanishes() -> None:
    gradients = {}
    for loss in (cross_entropy, scaled_cross_entropy):
        logits = (1000 * LOGITS).requires_grad_()
        loss(logits, torch.tensor([0, 1])).sum().backward()
        gradients[loss] = float(logits.grad.abs().sum())  # type: ignore[union-attr]

    assert gradients[cross_entropy] == 0
    assert gradients[scaled_cross_entropy] > 0


def test_too_few_classes_are_refused() -> None:
    labels = torch.tensor([0])

    with pytest.raises(InputError, match="DLR loss needs at least 3 classes, got 2"):
        dlr(torch.zeros(1, 2), labels)
    with pytest.raises(InputError, match="at least 4 classes, got 3"):
        targeted_dlr(torch.zeros(1, 3), labels, labels)
