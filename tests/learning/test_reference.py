"""Whole runs of the loop, compared with a search written in plain PyTorch.

The reference shares the loop's random numbers, which are its input, and no function with it: masks
by sorting, straight-through gradients by autograd, batch norm by its formula, PyTorch's optimiser
and schedulers. In double precision both go through the same masks, so every step must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import lr_scheduler

import scratchticket as st
from scratchticket.base import rng
from scratchticket.learning import (
    Epoch,
    Event,
    Learner,
    LearningRecipe,
    Problem,
    ScoreLearner,
    Session,
    Validation,
    WeightLearner,
    learn,
)
from scratchticket.learning.checkpoint import Checkpoint
from scratchticket.masks import Pattern, Selector
from scratchticket.networks import maskable

SEED, IMAGES, RATIO = 3, 100, 0.3
UNKNOWN = Validation(st.Accuracy(0, 1), st.Accuracy(0, 1))
CALM = {"milestones": "1/4,1/2", "learning_rate": 0.05}  # so small that masks change slowly


class Double(nn.Module):
    """Two convolutions with batch norm and a linear layer, which compute in double precision."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(6, affine=False)
        self.conv2 = nn.Conv2d(6, 8, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(8, affine=False)
        self.fc = nn.Linear(8, 10, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        hidden = F.relu(self.bn1(self.conv1(images.double())))
        return self.fc(F.relu(self.bn2(self.conv2(hidden))).flatten(1))


@dataclass
class Norm:
    """Batch norm by its formula, with PyTorch's momentum of 0.1."""

    mean: Tensor
    variance: Tensor

    def __call__(self, values: Tensor, training: bool) -> Tensor:
        mean, variance = self.mean, self.variance
        if training:
            mean, variance = values.mean(dim=(0, 2, 3)), values.var(dim=(0, 2, 3), correction=0)
            count = values.numel() / len(mean)
            self.mean = 0.9 * self.mean + 0.1 * mean.detach()
            unbiased = variance.detach() * count / (count - 1)
            self.variance = 0.9 * self.variance + 0.1 * unbiased
        return (values - mean.view(-1, 1, 1)) / (variance.view(-1, 1, 1) + 1e-5).sqrt()


def masked(weight: Tensor, score: Tensor) -> Tensor:
    """Return a layer's weights: those of the largest scores, whose gradient all scores receive."""
    size = score.abs()
    kept = size.numel() - int((1 - RATIO) * size.numel() + 1e-9)
    mask = torch.zeros(size.numel(), dtype=size.dtype)
    mask[size.flatten().argsort(descending=True)[:kept]] = 1
    return weight * (size + (mask.view_as(size) - size).detach())


@dataclass
class Seen:
    """The state after every step."""

    learned: list[dict[str, Tensor]] = field(default_factory=list)
    statistics: list[list[Tensor]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    momentum: dict[str, Tensor] = field(default_factory=dict)


class Reference:
    """The search, slow and obvious.

    Args:
        learned: Scores, or weights, by name.
        weights: From the learned tensors to the network's weights.
    """

    def __init__(
        self, learned: dict[str, Tensor], weights: Callable[[dict[str, Tensor]], dict[str, Tensor]]
    ) -> None:
        self.learned = {n: v.detach().clone().requires_grad_() for n, v in learned.items()}
        self.weights = weights
        self.norms = [
            Norm(torch.zeros(n, dtype=torch.float64), torch.ones(n, dtype=torch.float64))
            for n in (6, 8)
        ]

    def logits(self, images: Tensor, training: bool) -> Tensor:
        weights, (first, second) = self.weights(self.learned), self.norms
        hidden = F.conv2d(images.double(), weights["conv1.weight"], stride=2)
        hidden = F.relu(first(hidden, training))
        hidden = F.relu(second(F.conv2d(hidden, weights["conv2.weight"]), training))
        return hidden.flatten(1) @ weights["fc.weight"].T

    def attacked(
        self, images: Tensor, labels: Tensor, attack: st.Attack, step: int, training: bool
    ) -> Tensor:
        epsilon = float(attack.epsilon)
        length, steps, random = {
            "pgd": (float(getattr(attack.method, "step_size", 0)), attack.gradients, True),
            "fgsm": (epsilon, 1, False),
            "fgsm-rs": (1.25 * epsilon, 1, True),
        }[attack.name]
        low, high = (images - epsilon).clamp_min(0), (images + epsilon).clamp_max(1)
        moved = images
        if random:
            draws = rng.generator(SEED, "attack", step)
            noise = torch.empty(images.shape).uniform_(-epsilon, epsilon, generator=draws)
            moved = (images + noise).clamp(low, high)
        for _ in range(steps):
            moved = moved.detach().requires_grad_()
            loss = F.cross_entropy(self.logits(moved, training), labels, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, moved)
            moved = (moved + length * gradient.sign()).clamp(low, high)
        return moved.detach()

    def run(self, data: st.ImageSet, attack: st.Attack, recipe: LearningRecipe) -> Seen:
        seen, images = Seen(), data.images.float() / 255
        optimiser = torch.optim.SGD(
            self.learned.values(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
        batches = list(self.batches(len(data), recipe))
        schedule = scheduler(optimiser, recipe, len(batches))
        for step, rows in enumerate(batches):
            own, labels = images[rows], data.labels[rows]
            attack_trains = recipe.batch_norm == "train"
            adversarial = self.attacked(own, labels, attack, step, attack_trains)
            optimiser.zero_grad()
            loss = F.cross_entropy(
                self.logits(adversarial, True), labels, label_smoothing=recipe.label_smoothing
            )
            loss.backward()
            seen.rates.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            schedule.step()
            seen.losses.append(loss.item())
            seen.learned.append({n: v.detach().clone() for n, v in self.learned.items()})
            seen.statistics.append([v for n in self.norms for v in (n.mean, n.variance)])
        for name, value in self.learned.items():
            seen.momentum[name] = optimiser.state[value]["momentum_buffer"]
        return seen

    @staticmethod
    def batches(count: int, recipe: LearningRecipe) -> Iterator[Tensor]:
        for epoch in range(recipe.epochs):
            rows = rng.permutation(count, SEED, "batches", epoch).split(recipe.batch_size)
            yield from rows if recipe.last_batch else rows[: count // recipe.batch_size]


def scheduler(
    optimiser: torch.optim.Optimizer, recipe: LearningRecipe, steps: int
) -> lr_scheduler.LRScheduler:
    """Return PyTorch's own schedule, stepped after every step."""
    per_epoch = steps // recipe.epochs
    warm = recipe.warmup * per_epoch
    if recipe.schedule == "milestones":
        at = [per_epoch * recipe.epochs * number // 4 for number in (1, 2)]
        return lr_scheduler.MultiStepLR(optimiser, at)
    if recipe.schedule == "constant":
        return lr_scheduler.ConstantLR(optimiser, factor=1)
    falling = lr_scheduler.CosineAnnealingLR(optimiser, steps - warm)
    if not warm:
        return falling
    rising = lr_scheduler.LinearLR(optimiser, 1 / warm, 1, warm - 1)
    return lr_scheduler.SequentialLR(optimiser, [rising, falling], [warm])


def ours(
    learner: Learner,
    network: nn.Module,
    data: st.ImageSet,
    attack: st.Attack,
    recipe: LearningRecipe,
    checkpoint: Path,
) -> tuple[Seen, list[Epoch]]:
    """Run the loop and record the state after every step."""
    seen = Seen()

    def note(event: Event) -> None:
        seen.learned.append({n: v.detach().clone() for n, v in learner.tensors().items()})
        values = [b.clone() for b in network.buffers() if b.is_floating_point()]
        seen.statistics.append(values)
        seen.losses.append(float(event.loss))

    problem = Problem(network, learner, data, attack, lambda _: UNKNOWN, SEED)
    epochs = learn(problem, recipe, Session(checkpoint, observe=note)).epochs
    seen.momentum = Checkpoint.load(checkpoint).part("momentum")
    return seen, epochs


@pytest.mark.parametrize("what", ["scores", "weights"])
@pytest.mark.parametrize(
    ("attack", "settings"),
    [
        (st.AttackRecipe("pgd", "0.1", 3, "0.04"), {}),
        (st.AttackRecipe("pgd", "0.1", 2, "0.08"), {"batch_norm": "eval", "last_batch": True}),
        (st.AttackRecipe("fgsm", "0.1"), {"schedule": "milestones", "label_smoothing": 0.2}),
        (st.AttackRecipe("fgsm-rs", "0.1"), {"warmup": 1, "batch_norm": "eval"}),
        (st.AttackRecipe("fgsm-rs", "0.3"), {"schedule": "constant", "statistics": "running"}),
    ],
    ids=["pgd", "pgd-eval-last-batch", "fgsm-milestones", "fgsm-rs-warmup", "fgsm-rs-constant"],
)
def test_every_step_is_that_of_the_reference(
    digits: st.Data,
    tmp_path: Path,
    attack: st.Attack,
    settings: dict[str, object],
    what: str,
) -> None:
    recipe = LearningRecipe(
        **{"epochs": 4, "batch_size": 30, "weight_decay": 0.01, **CALM, **settings}  # type: ignore[arg-type]
    )
    data, network = digits.train[slice(0, IMAGES)], Double().double()
    parameters = maskable(network)
    weights = {name: weight.detach().clone() for name, weight in parameters.items()}
    if what == "scores":
        shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
        learner: Learner = ScoreLearner(
            parameters, Selector(Pattern(), RATIO, shapes), SEED, recipe
        )
        reference = Reference(
            learner.tensors(), lambda s: {n: masked(w, s[n]) for n, w in weights.items()}
        )
    else:
        learner = WeightLearner(parameters, learning=recipe)
        reference = Reference(weights, lambda w: w)

    expected = reference.run(data, attack, recipe)
    seen, epochs = ours(learner, network, data, attack, recipe, tmp_path / "c.safetensors")

    steps, per_epoch = len(expected.rates), len(expected.rates) // 4
    assert len(seen.learned) == steps == 4 * (4 if recipe.last_batch else 3)
    for step in range(steps):
        torch.testing.assert_close(
            seen.learned[step], expected.learned[step], rtol=1e-5, atol=1e-8, msg=f"step {step}"
        )
        torch.testing.assert_close(
            seen.statistics[step], expected.statistics[step], rtol=1e-5, atol=1e-8
        )
        losses = expected.losses[step // per_epoch * per_epoch : step + 1]
        assert seen.losses[step] == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    torch.testing.assert_close(seen.momentum, expected.momentum, rtol=1e-5, atol=1e-8)
    rates = expected.rates[per_epoch - 1 :: per_epoch]
    assert [epoch.learning_rate for epoch in epochs] == pytest.approx(rates)
