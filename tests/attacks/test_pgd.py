"""PGD: closed-form maxima, the ball, no side effects, and agreement with Foolbox."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import scratchticket as st
from scratchticket.attacks import PGD, Attack, LinfBall, perturb, pgd
from scratchticket.base.errors import InputError


class TwoClassLinear(nn.Module):
    """Logits ``(w.x, -w.x)``: inside an l-inf ball the margin falls by ``2 * epsilon * |w|_1``."""

    def __init__(self, num_pixels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1.0, 1.0, num_pixels))

    def forward(self, images: Tensor) -> Tensor:  # (batch, num_pixels) -> (batch, 2)
        score = images @ self.weight
        return torch.stack([score, -score], dim=1)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def small_network() -> nn.Module:
    return st.networks.build("resnet18", classes=10, channels=1, width=4, seed=1).eval()


@pytest.mark.parametrize("epsilon_255", [1, 4, 8])
@pytest.mark.parametrize("random_start", [False, True])
def test_pgd_attains_the_closed_form_maximum(epsilon_255: int, random_start: bool) -> None:
    network, ball = TwoClassLinear(num_pixels=12), LinfBall(epsilon_255 / 255)
    images = torch.full((5, 12), 0.5)  # far from 0 and 1, so the pixel range never binds
    labels = torch.zeros(5, dtype=torch.long)

    adversarial = pgd(
        network,
        images,
        labels,
        ball,
        step_size=ball.epsilon / 4,
        steps=10,
        generator=generator() if random_start else None,
    )

    margin_drop = (network(images) - network(adversarial)) @ torch.tensor([1.0, -1.0])
    expected = 2 * ball.epsilon * network.weight.abs().sum()
    torch.testing.assert_close(margin_drop, expected.expand(5))


def test_pgd_stops_at_the_pixel_range() -> None:
    network, images = TwoClassLinear(num_pixels=12), torch.tensor([[0.0, 1.0] * 6])
    labels = torch.zeros(1, dtype=torch.long)

    adversarial = pgd(network, images, labels, LinfBall(0.5), step_size=0.1, steps=10)

    toward = (-network.weight.sign()).clamp(0, 1)  # the corner that lowers w.x
    expected = torch.where(images == toward, images, (images - 0.5).abs())
    torch.testing.assert_close(adversarial, expected)


def test_pgd_does_not_change_the_network() -> None:
    network = nn.Sequential(nn.Linear(12, 2), nn.BatchNorm1d(2, affine=False)).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images, labels = torch.rand(5, 12), torch.zeros(5, dtype=torch.long)

    pgd(network, images, labels, LinfBall(8 / 255), step_size=2 / 255, steps=3)

    assert all(parameter.grad is None for parameter in network.parameters())
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


def test_pgd_works_on_frozen_parameters_and_inside_no_grad() -> None:
    network = small_network().requires_grad_(False)
    images, labels = torch.rand(3, 1, 8, 8), torch.zeros(3, dtype=torch.long)

    with torch.no_grad():
        adversarial = pgd(network, images, labels, LinfBall(0.1), step_size=0.05, steps=2)

    assert not adversarial.requires_grad
    assert not torch.equal(adversarial, images)


@pytest.mark.parametrize("learning", [False, True])
@pytest.mark.parametrize("name", ["pgd", "fgsm", "fgsm-rs", "apgd-ce", "noise"])
def test_attacks_stay_in_the_ball_and_the_pixel_range(name: str, learning: bool) -> None:
    network, images = small_network(), torch.rand(16, 1, 8, 8).round(decimals=1)
    labels = network(images).argmax(dim=1)
    recipe = st.AttackRecipe(name, "8/255", steps=5)  # type: ignore[arg-type]

    if learning:
        adversarial = perturb(recipe, network, images, labels, generator=generator())
    else:
        adversarial = recipe(network, images, labels, generator()).images

    assert adversarial.min() >= 0
    assert adversarial.max() <= 1
    assert (adversarial - images).abs().max() <= 8 / 255 + 1e-7
    assert not torch.equal(adversarial, images)


def test_keep_first_returns_the_first_fooling_iterate() -> None:
    network, ball = small_network(), LinfBall(0.3)
    images = torch.rand(32, 1, 8, 8)
    labels = network(images).argmax(dim=1)
    iterates = [
        pgd(network, images, labels, ball, step_size=0.02, steps=steps) for steps in range(13)
    ]
    fooled = torch.stack([network(x).argmax(dim=1) != labels for x in iterates])
    first = torch.where(fooled.any(dim=0), fooled.int().argmax(dim=0), 12)
    assert len(first.unique()) > 2  # images are fooled at different steps

    adversarial = pgd(network, images, labels, ball, step_size=0.02, steps=12, keep="first")

    expected = torch.stack([iterates[int(step)][i] for i, step in enumerate(first)])
    torch.testing.assert_close(adversarial, expected, rtol=0, atol=1e-6)


def test_one_step_attacks_are_pgd_with_one_step() -> None:
    network, images = small_network(), torch.rand(8, 1, 8, 8)
    labels, ball = torch.arange(8), LinfBall(0.1)

    fgsm = perturb(st.AttackRecipe("fgsm", 0.1), network, images, labels, generator=generator())
    fgsm_rs = perturb(
        st.AttackRecipe("fgsm-rs", 0.1), network, images, labels, generator=generator()
    )

    torch.testing.assert_close(fgsm, pgd(network, images, labels, ball, step_size=0.1, steps=1))
    by_hand = pgd(network, images, labels, ball, step_size=0.125, steps=1, generator=generator())
    torch.testing.assert_close(fgsm_rs, by_hand)


def test_success_at_the_last_step_survives_the_next_restart() -> None:
    offsets = iter((0.09, -0.09))  # of the starts; a step from the second misses the boundary

    class GivenStarts(LinfBall):
        def random_start(self, images: Tensor, generator: torch.Generator) -> Tensor:
            return images + next(offsets)

    def network(images: Tensor) -> Tensor:
        beyond = images.flatten(1)[:, 0] - 0.595
        return torch.stack([-beyond, beyond], dim=1)

    images, labels = torch.full((3, 1, 1, 1), 0.5), torch.zeros(3, dtype=torch.int64)
    settings = {"generator": generator(), "restarts": 2, "keep": "first"}
    found = pgd(network, images, labels, GivenStarts(0.1), step_size=0.01, steps=1, **settings)

    assert bool((network(found).argmax(dim=1) == 1).all())


@pytest.mark.parametrize("random_start", [False, True])
def test_random_start_decides_where_an_evaluation_pgd_starts(random_start: bool) -> None:
    network, images, labels = small_network(), torch.rand(8, 1, 8, 8), torch.arange(8)
    attack = Attack(PGD(2, "0.05", keep="last", random_start=random_start), "0.1")

    found = attack(network, images, labels, generator()).images

    draws = generator() if random_start else None
    by_hand = pgd(network, images, labels, LinfBall(0.1), step_size=0.05, steps=2, generator=draws)
    assert torch.equal(found, by_hand)


def test_pgd_without_random_start_is_bit_equal_to_foolbox() -> None:
    foolbox = pytest.importorskip("foolbox")
    network = small_network().requires_grad_(False)
    images = torch.rand(16, 1, 8, 8)
    labels = network(images).argmax(dim=1)
    attack = foolbox.attacks.LinfPGD(random_start=False, abs_stepsize=0.02, steps=10)
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")

    theirs = attack.run(model, images, foolbox.criteria.Misclassification(labels), epsilon=0.1)
    ours = pgd(network, images, labels, LinfBall(0.1), step_size=0.02, steps=10)

    assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("epsilon", "steps", "step_size", "expected"),
    [
        ("8/255", 7, None, "2/255"),
        ("8/255", 20, None, "2/255"),
        ("0.1", 20, None, "0.0125"),
        ("16/255", 10, None, "4/255"),
        ("0.1", 7, "0.025", "0.025"),
    ],
)
def test_default_step_sizes(epsilon: str, steps: int, step_size: str | None, expected: str) -> None:
    assert st.AttackRecipe("pgd", epsilon, steps, step_size).method.step_size == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "pgdd"}, "did you mean 'pgd'"),
        ({"epsilon": "-0.1"}, r"epsilon must lie in \[0, 1\]"),
        ({"epsilon": "8"}, "the usual 8 is written 8/255"),
        ({"epsilon": "8/0"}, "denominator 0"),
        ({"steps": 0}, "steps must be above 0"),
        ({"step_size": "0"}, "step size must be above 0"),
    ],
)
def test_invalid_settings_of_a_recipe_are_refused(
    arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        st.AttackRecipe(**arguments)  # type: ignore[arg-type]


def test_n_fgsm_steps_from_noise_of_two_epsilon_without_projection() -> None:
    network, labels = TwoClassLinear(num_pixels=12), torch.zeros(400, dtype=torch.long)
    images = torch.full((400, 12), 0.5)  # far from 0 and 1
    recipe = st.AttackRecipe("n-fgsm", "0.1")

    adversarial = perturb(recipe, network, images, labels, generator=generator())

    noise = (
        adversarial - images + 0.1 * network.weight.detach().sign()
    )  # the step, known in closed form
    assert noise.abs().max() <= 0.2 + 1e-6
    assert float(noise.std()) == pytest.approx(0.2 / 3**0.5, rel=0.05)  # uniform in (-0.2, 0.2)
    assert (adversarial - images).abs().max() > 0.25
    near = perturb(recipe, network, images * 0.1, labels, generator=generator())
    assert 0 <= near.min() <= near.max() <= 1
    part = perturb(
        recipe, network, images[:3], labels[:3], generator=generator(), part=slice(2, 5), whole=400
    )
    assert torch.equal(part, adversarial[2:5])


def test_n_fgsm_is_for_learning_in_the_linf_ball_only() -> None:
    with pytest.raises(InputError, match="n-fgsm searches in linf balls only"):
        st.AttackRecipe("n-fgsm", "0.5", norm="l2")
    images, labels = torch.zeros(2, 12), torch.zeros(2, dtype=torch.long)
    with pytest.raises(InputError, match="n-fgsm may leave its ball: it can only be"):
        st.AttackRecipe("n-fgsm")(TwoClassLinear(12), images, labels, generator())
