"""Faster forward passes, half precision or compiled: the same search up to rounding."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import scratchticket as st
from scratchticket.attacks import cross_entropy, input_gradient
from scratchticket.base.accuracy import Accuracy
from scratchticket.base.errors import InputError
from scratchticket.learning import LearningRecipe, Validation
from scratchticket.learning.passes import forward_pass
from scratchticket.networks import fast_convolutions, placed
from scratchticket.tickets import drawing
from scratchticket.tickets.draw import Task

QUIET = pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # of PyTorch
UNKNOWN = Validation(Accuracy(0, 1), Accuracy(0, 1))


def gradients(network: nn.Module, **faster: str) -> tuple[Tensor, ...]:
    """Return logits, the gradient of the images, and that of all weights, in training mode."""
    draws = torch.Generator().manual_seed(0)
    images, labels = torch.rand(32, 1, 8, 8, generator=draws), torch.arange(32) % 10
    ask = forward_pass(network.train(), LearningRecipe(**faster))  # type: ignore[arg-type]
    network.requires_grad_(False)
    gradient, logits, _ = input_gradient(ask, images, labels, cross_entropy)
    network.requires_grad_(True)
    F.cross_entropy(ask(images), labels).backward()
    return logits, gradient, torch.cat([p.grad.flatten() for p in network.parameters()])


def small() -> nn.Module:
    return st.networks.build("conv4", classes=10, channels=1, width=8, seed=1, image_size=8)


def test_half_precision_gives_nearly_the_same_logits_in_float32() -> None:
    plain, half = gradients(small()), gradients(small(), precision="bfloat16")

    for exact, rounded in zip(plain, half, strict=True):
        assert rounded.dtype == torch.float32
        assert not torch.equal(exact, rounded)
        assert F.cosine_similarity(exact.flatten(), rounded.flatten(), dim=0) > 0.97


def test_a_search_in_half_precision_keeps_scores_in_single(few_digits: st.Data) -> None:
    learning = LearningRecipe(epochs=1, batch_size=64, precision="bfloat16")
    attack, network = st.AttackRecipe(epsilon=0.1, steps=2), st.NetworkRecipe(width=4)
    job = drawing(Task(few_digits, network, attack, learning, lambda _: UNKNOWN), 0.3)
    before = {name: score.clone() for name, score in job.learner.tensors().items()}

    job.run()

    for name, score in job.learner.tensors().items():
        assert score.dtype == torch.float32
        assert not torch.equal(score, before[name])


def residual() -> nn.Module:
    arguments = {"depth": 10, "widen": 1}
    network = st.networks.build("wide_resnet", classes=10, channels=1, width=4, seed=1, **arguments)
    return fast_convolutions(network)  # as in a draw: oneDNN's fault may end the process without it


@QUIET
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("build", [small, residual])
def test_a_compiled_pass_is_the_same_but_for_rounding(build: Callable[[], nn.Module]) -> None:
    plain, compiled = gradients(build()), gradients(build(), compile="default")

    torch.testing.assert_close(compiled, plain, rtol=1e-3, atol=1e-5)


def test_a_contiguous_pass_is_the_same_but_for_rounding() -> None:
    plain, other = placed(residual(), "cpu"), placed(residual(), "cpu")

    expected, got = gradients(plain), gradients(other, memory_format="contiguous")

    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-5)
    assert all(weight.is_contiguous() for weight in other.parameters())
    assert not all(weight.is_contiguous() for weight in plain.parameters())


@QUIET
def test_a_compiler_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", (None, "/nonexistent"))
    monkeypatch.setattr(torch._inductor.config, "fx_graph_cache", False)
    network = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
    ask = forward_pass(network, LearningRecipe(compile="default"))

    with pytest.raises(InputError, match=r"learning\.compile=default does not work here") as told:
        ask(torch.rand(2, 3))

    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "setting", [{"precision": "float8"}, {"compile": "max"}, {"memory_format": "rows"}]
)
def test_unknown_settings_are_refused(setting: dict[str, str]) -> None:
    with pytest.raises(InputError, match=next(iter(setting))):
        LearningRecipe(**setting)  # type: ignore[arg-type]
