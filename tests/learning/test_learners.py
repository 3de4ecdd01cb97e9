"""Score gradients are those of the top-k in the graph; frozen weights stay frozen."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

import scratchticket as st
from scratchticket.learning import ScoreLearner, WeightLearner
from scratchticket.learning.searches import initial_scores
from scratchticket.masks import Pattern, Selector, keep_top, kept_count
from scratchticket.networks import maskable

RATIO = 0.25
PATTERNS = [
    Pattern(),
    Pattern("row"),
    Pattern("kernel"),
    Pattern("channel"),
    Pattern("channel", mask_classifier=True),
]


class TopMask(torch.autograd.Function):
    """The mask of a layer by sorting, straight-through: slow, obvious, and inside the graph."""

    @staticmethod
    def forward(ctx: Any, importance: Tensor) -> Tensor:
        flat = importance.flatten()
        mask = torch.zeros_like(flat)
        mask[flat.argsort(descending=True)[: kept_count(len(flat), RATIO)]] = 1
        return mask.view_as(importance)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def selector(network: nn.Module, pattern: Pattern = Pattern(), ratio: float = RATIO) -> Selector:
    shapes = {name: tuple(p.shape) for name, p in maskable(network).items()}
    return Selector(pattern, ratio, shapes, classifier="fc.weight")


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.granularity)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_score_gradients_equal_those_of_a_slow_reference(
    memory_format: torch.memory_format, pattern: Pattern
) -> None:
    network = st.networks.build("resnet18", classes=10, channels=1, width=4).double()
    network = network.to(memory_format=memory_format)
    parameters = maskable(network)
    weights = {name: weight.detach().clone() for name, weight in parameters.items()}
    learner = ScoreLearner(parameters, selector(network, pattern), seed=0)
    images, labels = torch.rand(8, 1, 32, 32, dtype=torch.float64), torch.arange(8)
    scores = {n: s.clone().requires_grad_() for n, s in learner.tensors().items()}
    masked = {name: weights[name] * TopMask.apply(scores[name].abs()) for name in weights}
    F.cross_entropy(functional_call(network, masked, (images,)), labels).backward()

    learner.write()
    F.cross_entropy(network(images), labels).backward()
    learner.collect()

    for name, score in learner.tensors().items():
        assert score.grad is not None
        torch.testing.assert_close(score.grad, scores[name].grad)
        if pattern.granularity == "element":  # all of them learn, whether kept or not
            assert score.grad.count_nonzero() > kept_count(score.numel(), RATIO)


def test_initial_scores_are_uniform_within_one_over_root_fan_in() -> None:
    scores = initial_scores(0, "a", (200, 16, 3, 3))
    bound = 1 / 12

    assert scores.abs().max() <= bound
    assert abs(float(scores.mean())) < 0.01 * bound
    assert float(scores.std()) == pytest.approx(bound / 3**0.5, rel=0.02)
    assert not torch.equal(scores, initial_scores(1, "a", (200, 16, 3, 3)))
    assert not torch.equal(scores, initial_scores(0, "b", (200, 16, 3, 3)))


def test_writing_masks_the_module_in_place() -> None:
    network = st.networks.build("resnet18", classes=10, channels=1, width=4)
    parameters = maskable(network)
    weights = {name: weight.detach().clone() for name, weight in parameters.items()}
    learner = ScoreLearner(parameters, selector(network), seed=0)

    learner.write()

    for name, mask in learner.result().items():
        assert int(mask.sum()) == kept_count(mask.numel(), 0.25)
        assert torch.equal(parameters[name], torch.where(mask, weights[name], 0.0))


def test_scores_of_whole_channels_start_standard_normal() -> None:
    scores = initial_scores(0, "a", (20_000, 1, 1, 1), of_channels=True)

    assert float(scores.std()) == pytest.approx(1, rel=0.02)
    assert float(scores.abs().max()) > 3.5
    assert initial_scores(0, "a", (20_000, 1, 1, 1)).abs().max() <= 1  # of kernels, say


def test_weights_that_do_not_remain_are_never_learned() -> None:
    network = st.networks.build("resnet18", classes=10, channels=1, width=2)
    parameters = maskable(network)
    start = {name: weight.detach().clone() for name, weight in parameters.items()}
    mask = {name: keep_top(torch.rand(weight.shape), 0.3) for name, weight in start.items()}
    learner = WeightLearner(parameters, mask)
    optimiser = torch.optim.SGD(parameters.values(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    for _ in range(3):
        F.cross_entropy(network(torch.rand(4, 1, 8, 8)), torch.arange(4)).backward()
        learner.collect()
        optimiser.step()
        optimiser.zero_grad()
        learner.write()

    for name, weight in learner.result().items():
        assert weight[~mask[name]].count_nonzero() == 0
        assert not torch.signbit(weight[~mask[name]]).any()
        assert (weight[mask[name]] != start[name][mask[name]]).float().mean() > 0.9
