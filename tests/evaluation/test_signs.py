"""Warning signs: each one shown by a network that has it, and by one that has not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from scratchticket.attacks import PGD, Attack, Bandits
from scratchticket.data import ImageSet
from scratchticket.evaluation import balls, checks, evaluate, suite
from scratchticket.evaluation.outcome import EvaluationResult
from scratchticket.evaluation.suites import autoattack

Brightness = Callable[[Tensor], Tensor]
EPSILON = 0.1


def network_of(score: Brightness) -> Callable[[Tensor], Tensor]:
    """Return a network of five classes of which two matter: bright and dark, by a score."""

    def network(images: Tensor) -> Tensor:
        bright = score(images.mean(dim=(1, 2, 3)) - 0.5)
        low = torch.full((len(images), 3), -50.0) + torch.arange(3) + 0 * bright[:, None]
        return torch.cat([bright[:, None], -bright[:, None], low], dim=1)

    return network


def grey(count: int = 64, nearest: float = 0.06, farthest: float = 0.3) -> ImageSet:
    """Return even grey images, half of them dark, ever further from the middle."""
    distance = torch.linspace(nearest, farthest, count // 2)
    level = torch.cat([0.5 + distance, 0.5 - distance])
    images = (255 * level).round().to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    return ImageSet(images.contiguous(), (level < 0.5).long())


def verdicts(
    network: Callable[[Tensor], Tensor],
    images: ImageSet,
    more: list[Attack] | None = None,
) -> dict[str, str]:
    where = balls("0.1", "linf", (1, 8, 8))
    light = [
        attack
        for attack in suite("quick", where, 5)
        if attack.norm == "linf" and not isinstance(attack.method, Bandits)
    ]
    attacks = [*light, Attack(Bandits(150), "0.1"), *(more or [])]
    seen = checks(evaluate(network, images, attacks, checks=True), "0.1", "linf", "1", 5)
    return {check.name: check.verdict for check in seen}


def linear(bright: Tensor) -> Tensor:
    return 10 * bright


def saturated(bright: Tensor) -> Tensor:
    """The linear network with logits a thousand times as large."""
    return 10_000 * bright


def quantised(bright: Tensor) -> Tensor:
    """The linear network behind an input of few levels: no gradient, and none needed."""
    return 10 * ((bright * 20).round() / 20 + 1e-3) + 0 * bright


def rippled(period: float, height: float) -> Brightness:
    """The linear network with a ripple; up to a height of 1 it is nowhere steeper than the line."""

    def score(bright: Tensor) -> Tensor:
        waves = 2 * torch.pi / period
        return 10 * bright + 10 * height / waves * torch.sin(bright * waves)

    return score


@pytest.fixture(scope="module")
def honest() -> dict[str, str]:
    return verdicts(network_of(linear), grey(1000))


def test_an_honest_network_on_many_images_shows_no_sign(honest: dict[str, str]) -> None:
    assert honest.pop("autoattack") == "not tested"
    assert set(honest.values()) == {"clear"}
    assert len(honest) == 12


def test_few_images_are_a_sign() -> None:
    assert verdicts(network_of(linear), grey(64))["sample size"] == "warning"


def test_a_saturated_network_is_seen() -> None:
    seen = verdicts(network_of(saturated), grey())

    for name in ("gradients", "logit scale", "agreement of losses", "unbounded attack"):
        assert seen[name] == "warning", name


def test_a_quantised_input_is_seen() -> None:
    seen = verdicts(network_of(quantised), grey())

    for name in ("gradients", "unbounded attack"):
        assert seen[name] == "warning", name


def test_a_masked_gradient_is_seen() -> None:
    network = network_of(linear)
    seen = verdicts(lambda images: network(images.detach()) + 0 * images.sum(), grey())

    for name in ("gradients", "black box", "unbounded attack"):
        assert seen[name] == "warning", name


def test_a_network_that_noise_fools_as_well_as_pgd_is_seen() -> None:
    def network(images: Tensor) -> Tensor:
        pixel = network_of(quantised)(images[:, :, :1, :1])
        return pixel + 0 * images.sum()

    assert verdicts(network, grey())["noise"] == "warning"


def test_a_ripple_that_misleads_steps_is_seen() -> None:
    seen = verdicts(network_of(rippled(period=EPSILON / 8, height=25)), grey(128, 0.01, 0.08))

    for name in ("more steps", "more restarts", "order of attacks"):
        assert seen[name] == "warning", name


def test_an_accuracy_that_grows_with_epsilon_is_seen() -> None:
    seen = verdicts(network_of(rippled(period=0.025, height=1.1)), grey(128, 0.01, 0.045))

    assert seen["accuracy against epsilon"] == "warning"


def test_autoattacks_flags_and_its_square_are_signs() -> None:
    pytest.importorskip("pyautoattack")
    attacks = autoattack("0.1", "linf", steps=5, queries=300)

    network = network_of(linear)
    assert verdicts(network, grey(32), attacks)["autoattack"] == "clear"
    seen = verdicts(lambda images: network(images).softmax(dim=1), grey(32), attacks)
    assert seen["autoattack"] == "warning"
    masked = verdicts(lambda images: network(images.detach()) + 0 * images.sum(), grey(32), attacks)
    assert masked["black box"] == "warning"


@pytest.mark.parametrize(("right", "verdict"), [(0, "warning"), (100, "warning"), (160, "clear")])
def test_a_network_that_knows_no_more_than_chance_is_a_sign(right: int, verdict: str) -> None:
    evaluated = EvaluationResult(torch.arange(1000) < right, ())

    [seen] = [c for c in checks(evaluated, "0.1", "linf", "1", 10) if c.name == "chance"]

    assert seen.verdict == verdict
    assert "10.0 % of 10 classes" in seen.text
    assert ("another order (--classes)" in seen.text) == (verdict == "warning")


def test_without_attacks_nothing_is_tested() -> None:
    seen = checks(evaluate(network_of(linear), grey(), [Attack(PGD(3), "0.1")]), "0.1", "linf", "1")

    assert {check.verdict for check in seen if check.name != "sample size"} == {"not tested"}


def test_an_attack_with_other_settings_is_not_taken_for_the_one_a_check_needs() -> None:
    attacks = [Attack(PGD(step_size="0.000001"), "0.1"), Attack(PGD(100), "0.1")]
    seen = checks(evaluate(network_of(linear), grey(), attacks), "0.1", "linf", "1")

    assert {check.name: check.verdict for check in seen}["more steps"] == "not tested"
