"""Attacks on a set of networks, one of which is drawn at random for each answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tests.attacks.networks import random_images, small_network, stream
from torch import Tensor, nn

from scratchticket.attacks import (
    APGD,
    FGSM,
    PGD,
    Attack,
    AttackRecipe,
    L2Ball,
    LinfBall,
    Norm,
    input_gradient,
    perturb,
)
from scratchticket.attacks.arc import ARC
from scratchticket.attacks.set_gradient import SetAPGD, SetPGD
from scratchticket.attacks.sets import (
    NetworkSet,
    answer,
    chances,
    expected_error,
    randomised_ensemble,
    set_loss,
)
from scratchticket.attacks.square import SetSquare
from scratchticket.base.errors import InputError

EPSILON = 0.02


class Side(nn.Module):
    """A linear function of the mean pixel as a classifier: logits ``(score, -score)``."""

    def __init__(self, slope: float, distance: float) -> None:
        super().__init__()
        self.slope, self.distance = slope, distance

    def forward(self, images: Tensor) -> Tensor:
        score = self.slope * (images.flatten(1).mean(dim=1) - 0.5) + abs(self.slope) * self.distance
        return torch.stack([score, -score], dim=1)


def one_sided() -> tuple[NetworkSet, Tensor, Tensor]:
    """Return two linear networks, of which only the first can be fooled, and grey images.

    The second has ten times the slope in the opposite direction: at the images, its gradient of the
    cross-entropy outweighs that of the first (Dbouk and Shanbhag, Sec. 4).
    """
    networks = NetworkSet([Side(1.0, EPSILON / 2), Side(-10.0, 5 * EPSILON)])
    return networks, torch.full((4, 1, 8, 8), 0.5), torch.zeros(4, dtype=torch.int64)


def expected(network: NetworkSet, images: Tensor, labels: Tensor) -> Tensor:
    """Return the expected error of each image."""
    return expected_error(chances(None, len(network.networks)))(network(images), labels)


def tickets(count: int = 3) -> NetworkSet:
    """Return a set of random networks."""
    return NetworkSet([small_network(seed=seed) for seed in range(count)])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_arc_fools_a_network_where_the_expected_gradient_leads_away_from_its_boundary(
    norm: str,
) -> None:
    networks, images, labels = one_sided()
    epsilon = str(EPSILON if norm == "linf" else EPSILON * 8)  # 8: the root of 64 pixels

    def error_under(method: object) -> Tensor:
        found = Attack(method, epsilon, norm)(networks, images, labels, stream()).images
        return expected(networks, found, labels)

    assert error_under(SetPGD(100, restarts=3)).tolist() == [0.0] * 4
    assert error_under(ARC(1, step_size=epsilon)).tolist() == [0.5] * 4
    assert error_under(ARC(20, step_size=epsilon)).tolist() == [0.5] * 4


def test_arc_keeps_the_first_network_fooled_while_fooling_the_second() -> None:
    images, labels = torch.full((2, 1, 8, 8), 0.5), torch.zeros(2, dtype=torch.int64)
    networks = NetworkSet([Half(0, 0.45 * EPSILON), Half(1, 0.45 * EPSILON)])

    found = Attack(ARC(1, step_size=str(EPSILON)), str(EPSILON))(networks, images, labels, stream())

    assert expected(networks, found.images, labels).tolist() == [1.0, 1.0]


class Linear(nn.Module):
    """A linear network whose logits for a grey image are 0, for class 0, and ``biases``."""

    def __init__(self, weights: Tensor, biases: Tensor) -> None:
        super().__init__()
        self.weights, self.biases = weights, torch.cat([torch.zeros(1), biases])

    def forward(self, images: Tensor) -> Tensor:
        return (images.flatten(1) - 0.5) @ self.weights.T + self.biases


class Half(nn.Module):
    """A :class:`Side` that sees one half of the image."""

    def __init__(self, half: int, distance: float) -> None:
        super().__init__()
        self.half, self.side = half, Side(1.0, distance)

    def forward(self, images: Tensor) -> Tensor:
        return self.side(images[:, :, 4 * self.half : 4 * self.half + 4])


@pytest.mark.parametrize("loss", ["eot", "mean-probabilities", "mean-logits"])
def test_pgd_on_a_set_of_one_network_is_plain_pgd(loss: str) -> None:
    network, images = small_network(), random_images()
    labels = network(images).argmax(dim=1)
    single = Attack(PGD(10, keep="last"), "0.1")(network, images, labels, stream())
    together = Attack(SetPGD(10, loss=loss, keep="last"), "0.1")(
        NetworkSet([network]), images, labels, stream()
    )

    torch.testing.assert_close(together.images, single.images, rtol=0, atol=1e-6)


def test_the_clamped_margin_fools_the_same_images_of_one_network_as_the_margin() -> None:
    network, images = small_network(), random_images()
    labels = network(images).argmax(dim=1)
    single = Attack(PGD(10, loss="margin", keep="worst"), "0.05")(network, images, labels, stream())
    together = Attack(SetPGD(10, loss="clamped-margin"), "0.05")(
        NetworkSet([network]), images, labels, stream()
    )

    assert torch.equal(
        network(together.images).argmax(dim=1) != labels,
        network(single.images).argmax(dim=1) != labels,
    )


def test_the_gradient_of_eot_is_the_mean_of_the_gradients() -> None:
    networks, images = tickets(), random_images(4)
    labels, chance = torch.arange(4), torch.tensor([0.5, 0.3, 0.2])

    def gradient(function: object) -> Tensor:
        points = images.clone().requires_grad_()
        return torch.autograd.grad(function(points).sum(), points)[0]

    exact = gradient(lambda p: set_loss("eot", chance)(networks(p), labels))
    parts = [
        gradient(lambda p, n=n: torch.nn.functional.cross_entropy(n(p), labels, reduction="none"))
        for n in networks.networks
    ]
    drawn = set_loss("eot", chance, samples=5000, generator=stream())
    sampled = gradient(lambda p: drawn(networks(p), labels))

    torch.testing.assert_close(exact, sum(c * p for c, p in zip(chance, parts, strict=True)))
    torch.testing.assert_close(sampled, exact, rtol=0, atol=0.1 * float(exact.abs().max()))


@pytest.mark.parametrize(
    "method",
    [
        SetPGD(10),
        SetPGD(10, loss="clamped-margin", restarts=2),
        SetPGD(10, samples=1),
        SetAPGD(10, loss="clamped-margin"),
        ARC(5),
        SetSquare(50),
    ],
    ids=str,
)
@pytest.mark.parametrize("ball", [LinfBall(0.05), L2Ball(0.5)], ids=["linf", "l2"])
def test_every_attack_stays_in_the_ball_and_raises_the_expected_error(
    method: object, ball: LinfBall | L2Ball
) -> None:
    networks, images = tickets(), random_images()
    labels = networks(images).mean(dim=1).argmax(dim=1)
    norm = "linf" if isinstance(ball, LinfBall) else "l2"
    before = torch.random.get_rng_state()

    found = Attack(method, str(ball.epsilon), norm)(networks, images, labels, stream()).images

    assert torch.equal(torch.random.get_rng_state(), before)
    assert float(ball.distance(found, images).max()) <= ball.epsilon + 1e-6
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    clean, attacked = expected(networks, images, labels), expected(networks, found, labels)
    assert attacked.mean() > clean.mean()


def test_more_restarts_never_lower_the_expected_error() -> None:
    networks, images = tickets(), random_images()
    labels = networks(images).mean(dim=1).argmax(dim=1)

    def error_after(restarts: int) -> Tensor:
        method = SetPGD(5, restarts=restarts)
        found = Attack(method, "0.02")(networks, images, labels, stream())
        return expected(networks, found.images, labels)

    assert bool((error_after(3) >= error_after(1)).all())


def test_arc_fools_the_likelier_of_two_networks() -> None:
    networks, images, labels = one_sided()
    far = NetworkSet([networks.networks[0], Side(-1.0, EPSILON / 2)])  # no image fools both
    for chance, index in (((0.9, 0.1), 0), ((0.1, 0.9), 1)):
        method = ARC(1, step_size=str(EPSILON), probabilities=chance)
        found = Attack(method, str(EPSILON))(far, images, labels, stream())
        fooled = far(found.images).argmax(dim=2) != labels[:, None]
        assert fooled[:, index].all()
        assert not fooled[:, 1 - index].any()


@pytest.mark.parametrize(
    ("probabilities", "said"),
    [((0.5, 0.5), "3 networks"), ((0.5, 0.6, -0.1), "add up"), ((0.5, 0.6, 0.1), "add up")],
)
def test_invalid_probabilities_are_refused(probabilities: tuple[float, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        chances(probabilities, 3)


def test_invalid_settings_of_attacks_on_sets_are_refused() -> None:
    images, labels = random_images(2), torch.zeros(2, dtype=torch.int64)
    with pytest.raises(InputError, match="samples need loss=eot, got loss="):
        SetPGD(loss="mean-logits", samples=3)
    with pytest.raises(InputError, match="unknown loss 'mean-logit'; did you mean 'mean-logits'"):
        SetAPGD(loss="mean-logit")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"needs NetworkSet"):
        Attack(SetPGD(), "0.1")(small_network(), images, labels, stream())


def test_sampled_eot_on_one_network_is_plain_pgd() -> None:
    network, images = small_network(), random_images()
    labels = network(images).argmax(dim=1)
    single = Attack(PGD(10, keep="last"), "0.1")(network, images, labels, stream())
    sampled = Attack(SetPGD(10, samples=3, keep="last"), "0.1")(
        NetworkSet([network]), images, labels, stream()
    )

    assert torch.equal(sampled.images, single.images)


def test_auto_pgd_on_one_network_is_auto_pgd() -> None:
    network, images = small_network(), random_images()
    labels = network(images).argmax(dim=1)
    single = Attack(APGD(20, keep="worst"), "0.05")(network, images, labels, stream())
    together = Attack(SetAPGD(20), "0.05")(NetworkSet([network]), images, labels, stream())

    assert torch.equal(together.images, single.images)
    assert bool((network(single.images).argmax(dim=1) != labels).any())


@pytest.mark.parametrize("distance", [0.5, 1.5])
def test_on_one_linear_network_arc_fools_the_same_images_as_fgsm(distance: float) -> None:
    images, labels = torch.full((4, 1, 8, 8), 0.5), torch.zeros(4, dtype=torch.int64)
    network = Side(1.0, distance * EPSILON)
    method = ARC(1, step_size=str(EPSILON))
    single = Attack(FGSM(), str(EPSILON))(network, images, labels, stream())
    together = Attack(method, str(EPSILON))(NetworkSet([network]), images, labels, stream())

    fooled = network(single.images).argmax(dim=1) != labels
    assert fooled.tolist() == [distance < 1] * 4
    assert torch.equal(network(together.images).argmax(dim=1) != labels, fooled)


def test_a_randomised_network_listed_many_times_is_attacked_by_sampled_eot() -> None:
    """Each call draws a new network, so n listings are EOT with n samples."""
    networks, images = tickets(), random_images(4)
    labels, even = torch.arange(4), chances(None, len(networks.networks))
    unknown = randomised_ensemble(networks.networks, even, stream())
    asked = NetworkSet([unknown] * 500)

    def gradient(network: NetworkSet) -> Tensor:
        loss = set_loss("eot", chances(None, len(network.networks)))
        return input_gradient(network, images, labels, loss)[0]

    exact = gradient(networks)
    torch.testing.assert_close(gradient(asked), exact, rtol=0, atol=0.2 * float(exact.abs().max()))
    few = NetworkSet([unknown] * 5)
    found = Attack(SetPGD(10), "0.05")(few, images, networks(images).mean(1).argmax(1), stream())
    assert float((found.images - images).abs().max()) <= 0.05 + 1e-6


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("classes", [2, 10])
def test_arc_fools_a_linear_network_whenever_one_is_within_reach(norm: str, classes: int) -> None:
    """Theorems 4.1 and 5.1 of Dbouk and Shanbhag, on sets of four of which one is within reach."""
    draws = torch.Generator().manual_seed(0)
    images, labels = torch.full((1, 1, 4, 4), 0.5), torch.zeros(1, dtype=torch.int64)
    missed, epsilon = 0, 0.05
    for _ in range(60):
        weights = torch.randn(4, classes, 16, generator=draws)
        slopes = weights[:, :1] - weights[:, 1:]
        lengths = slopes.abs().sum(dim=2) if norm == "linf" else slopes.norm(dim=2)
        distances = epsilon * (0.3 + 1.7 * torch.rand(4, generator=draws))
        distances[0] = epsilon * (0.3 + 0.65 * torch.rand((), generator=draws))  # within reach
        further = epsilon * torch.rand(lengths.shape, generator=draws)
        further[:, 0] = 0  # the nearest boundary
        biases = -lengths * (distances[:, None] + further)
        networks = NetworkSet([Linear(weights[i], biases[i]) for i in (1, 2, 0, 3)])

        method = ARC(1, step_size=str(epsilon), classes=classes)
        found = Attack(method, str(epsilon), norm)(networks, images, labels, stream()).images

        missed += int(expected(networks, found, labels) == 0)

    assert missed == 0


def test_arc_ignores_networks_of_probability_zero() -> None:
    networks, images, labels = tickets(), random_images(4), torch.tensor([0, 1, 2, 0])
    two = NetworkSet(networks.networks[:2])

    def found(network: NetworkSet, chance: tuple[float, ...]) -> Tensor:
        method = ARC(5, restarts=2, probabilities=chance)
        return Attack(method, str(EPSILON))(network, images, labels, stream()).images

    assert torch.equal(found(networks, (0.5, 0.5, 0.0)), found(two, (0.5, 0.5)))


@pytest.mark.parametrize("method", ["pgd", "apgd", "square", "arc"])
def test_probabilities_decide_whether_one_network_is_fooled_or_two_opposite_ones(
    method: str,
) -> None:
    """A step towards one network's boundary leads equally far from that of the others."""
    if method == "square":
        pytest.importorskip("pyautoattack")
    images, labels = torch.full((2, 1, 8, 8), 0.5), torch.zeros(2, dtype=torch.int64)
    dark, bright = Side(1.0, EPSILON / 4), Side(-1.0, EPSILON / 4)
    networks = NetworkSet([dark, bright, bright])

    for chance in ((0.6, 0.2, 0.2), (0.2, 0.4, 0.4)):
        made = {
            "pgd": SetPGD(10, probabilities=chance),
            "apgd": SetAPGD(10, probabilities=chance),
            "square": SetSquare(100, probabilities=chance),
            "arc": ARC(2, step_size=str(EPSILON), probabilities=chance),
        }[method]
        found = Attack(made, str(EPSILON))(networks, images, labels, stream()).images
        wrong = networks(found).argmax(dim=2) != labels[:, None]
        likely = chance[0] > 0.5
        assert wrong.tolist() == [[likely, not likely, not likely]] * 2


def test_each_image_is_answered_by_its_own_network_and_networks_are_called_in_order() -> None:
    images, drawn = torch.arange(7.0).view(7, 1, 1, 1), torch.tensor([2, 0, 2, 5, 0, 5, 5])
    called: list[tuple[int, int]] = []

    def network(number: int) -> Callable[[Tensor], Tensor]:
        def numbered(own: Tensor) -> Tensor:
            called.append((number, len(own)))
            return own.flatten(1) + 10 * number

        return numbered

    found = answer(network, drawn, images)

    assert found.flatten().tolist() == [20, 1, 22, 53, 4, 55, 56]
    assert called == [(0, 2), (2, 2), (5, 3)]


def test_a_randomised_ensemble_draws_new_networks_at_every_call() -> None:
    networks = [lambda own, n=n: torch.full((len(own), 2), float(n)) for n in range(2)]
    ensemble = randomised_ensemble(networks, chances(None, 2), stream())
    images = torch.zeros(40, 1, 1, 1)

    first, second = ensemble(images)[:, 0], ensemble(images)[:, 0]

    assert set(first.tolist()) == set(second.tolist()) == {0.0, 1.0}
    assert not torch.equal(first, second)


def test_probabilities_are_scaled_to_add_up_to_exactly_one() -> None:
    given = (0.25, 0.0, 0.7500009)

    assert float(chances(given, 3).sum()) == pytest.approx(1, abs=1e-12)
    assert chances(given, 3)[1] == 0
    assert chances(None, 4).tolist() == [0.25] * 4
    with pytest.raises(InputError, match="add up"):
        chances((0.25, 0.75001), 2)


@pytest.mark.parametrize(("norm", "length"), [("linf", 0.01), ("l2", 0.08)])
def test_an_inner_attack_on_a_set_climbs_its_expected_loss(norm: Norm, length: float) -> None:
    """Slopes 1 and -3: the expected gradient changes sign at probabilities of 3 to 1."""
    images, labels = torch.full((2, 1, 8, 8), 0.5), torch.zeros(2, dtype=torch.int64)
    networks = NetworkSet([Side(1.0, 0.0), Side(-3.0, 0.0)])
    recipe = AttackRecipe("fgsm", str(length), norm=norm)

    for chance, sign in ((0.8, -1), (0.7, 1)):
        moved = perturb(
            recipe,
            networks,
            images,
            labels,
            generator=stream(),
            chances=torch.tensor([chance, 1 - chance]),
        )
        torch.testing.assert_close(moved, images + sign * 0.01)


def test_the_margin_of_a_set_is_clamped_in_inner_attacks_too() -> None:
    """The second network is already fooled, so only the first has a gradient of the margin."""
    images, labels = torch.full((2, 1, 8, 8), 0.5), torch.zeros(2, dtype=torch.int64)
    networks = NetworkSet([Side(1.0, 0.001), Side(-3.0, -0.001)])
    even = torch.tensor([0.5, 0.5])

    for loss, sign in (("ce", 1), ("margin", -1)):
        recipe = AttackRecipe("fgsm", "0.01", loss=loss)
        moved = perturb(recipe, networks, images, labels, generator=stream(), chances=even)
        torch.testing.assert_close(moved, images + sign * 0.01)
