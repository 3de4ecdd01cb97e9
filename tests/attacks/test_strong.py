"""Strong attacks: closed-form optima, agreement with other libraries, order of strength."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from networks import Linear, fooled, random_images, small_network, stream
from scratchticket.attacks import (
    APGD,
    FGSM,
    PGD,
    Attack,
    Ball,
    Bandits,
    CarliniWagner,
    L2Ball,
    LinfBall,
    Method,
    Noise,
    Norm,
    Stage,
    TargetedAPGD,
    apgd,
    bandits,
    carlini_wagner,
    margin,
    pgd,
    targeted_apgd,
)
from scratchticket.base.errors import InputError

METHODS: list[Method] = [
    Noise(5),
    FGSM(),
    FGSM(random_start=True),
    PGD(10, restarts=2),
    PGD(10, loss="margin"),
    PGD(10, loss="dlr", random_start=False),
    PGD(10, loss="scaled-ce"),
    APGD(10, restarts=2),
    APGD(10, loss="dlr"),
    TargetedAPGD(5, targets=3),
    Bandits(60),
    CarliniWagner(2, 20),
    Stage("apgd-ce", steps=10),
    Stage("apgd-t", steps=5),
    Stage("fab-t", steps=5),
    Stage("square", queries=30),
]
CASES = [(method, norm) for method in METHODS for norm in method.norms]


@pytest.mark.parametrize(("method", "norm"), CASES, ids=str)
def test_every_attack_stays_in_its_ball_is_reproducible_and_has_no_side_effects(
    method: Method, norm: Norm
) -> None:
    network = small_network().requires_grad_(True)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images = random_images(12).round(decimals=1)
    images[0, 0, 0, :2] = torch.tensor([0.0, 1.0])
    labels = network(images).argmax(dim=1)
    epsilon = {"linf": "8/255", "l2": "0.5"}[norm]
    attack = Attack(method, None if method.nearest else epsilon, norm)
    kept, state = images.clone(), torch.random.get_rng_state()

    found = attack(network, images, labels, stream()).images

    assert found.shape == images.shape
    assert found.min() >= 0
    assert found.max() <= 1
    assert attack.ball.distance(found, images).max() <= attack.ball.epsilon * (1 + 1e-6) + 1e-6
    assert not found.requires_grad
    assert torch.equal(attack(network, images, labels, stream()).images, found)
    assert torch.equal(images, kept)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("ball", [LinfBall(0.02), L2Ball(0.02)], ids=["linf", "l2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_apgd_attains_the_closed_form_maximum(ball: Ball, targeted: bool) -> None:
    network, images = Linear(12), torch.full((3, 12), 0.5)
    labels = torch.zeros(3, dtype=torch.long)
    if targeted:
        found = targeted_apgd(
            network, images, labels, ball, targets=1, generator=stream(), keep="best"
        )
    else:
        found = apgd(network, images, labels, ball, loss=margin, generator=stream(), keep="best")

    order = 1 if isinstance(ball, LinfBall) else 2
    dual = torch.linalg.vector_norm(network.weight.detach(), order)
    rise = margin(network(found), labels) - margin(network(images), labels)
    torch.testing.assert_close(rise, (2 * ball.epsilon * dual).expand(3), rtol=1e-3, atol=0)


def test_carlini_wagner_finds_the_distance_to_the_boundary() -> None:
    network, images = Linear(12), torch.full((2, 12), 0.5)
    labels = torch.zeros(2, dtype=torch.long)

    found = carlini_wagner(network, images, labels, search_steps=9, steps=300, learning_rate=0.01)

    exact = 0.05 / torch.linalg.vector_norm(network.weight.detach())
    distance = L2Ball(1).distance(found, images)
    assert fooled(network, found, labels) == 2
    assert (distance >= exact * (1 - 1e-5)).all()
    torch.testing.assert_close(distance, exact.expand(2), rtol=0.02, atol=0)


def test_carlini_wagner_agrees_with_foolbox() -> None:
    foolbox = pytest.importorskip("foolbox")
    network, images = small_network(), random_images(8)
    labels = network(images).argmax(dim=1)
    theirs = foolbox.attacks.L2CarliniWagnerAttack(
        binary_search_steps=6, steps=100, stepsize=0.01, initial_const=1e-2, abort_early=False
    ).run(
        foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu"),
        images,
        foolbox.criteria.Misclassification(labels),
    )
    ours = carlini_wagner(
        network, images, labels, search_steps=6, steps=100, learning_rate=0.01, constant=1e-2
    )

    assert fooled(network, theirs, labels) == fooled(network, ours, labels) == 8
    distances = [L2Ball(1).distance(found, images) for found in (ours, theirs)]
    torch.testing.assert_close(distances[0].median(), distances[1].median(), rtol=0.02, atol=0)


def test_the_papers_carlini_wagner_returns_the_image_itself_where_it_fails() -> None:
    network, images = small_network(), random_images()
    labels = network(images).argmax(dim=1)

    found = carlini_wagner(
        network, images, labels, search_steps=1, steps=100, learning_rate=0.01, constant=1e-4
    )

    still = network(found).argmax(dim=1) == labels
    assert still.any()
    assert torch.equal(found[still], images[still])


@pytest.fixture(scope="module")
def pair() -> tuple[nn.Module, Tensor, Tensor]:
    """Return a network, images and its predictions as labels, so that no image is misclassified."""
    network, images = small_network(seed=3), random_images(48)
    return network, images, network(images).argmax(dim=1)


Count = Callable[[Method, str], int]


@pytest.fixture(scope="module")
def count(pair: tuple[nn.Module, Tensor, Tensor]) -> Count:
    network, images, labels = pair

    def counted(method: Method, epsilon: str = "4/255") -> int:
        found = Attack(method, epsilon)(network, images, labels, stream()).images
        return fooled(network, found, labels)

    return counted


def test_attacks_are_in_the_known_order_of_strength(count: Count) -> None:
    pgd20, apgd100 = count(PGD(), "4/255"), count(APGD(), "4/255")

    assert 0 < count(Noise(), "4/255") < pgd20 <= apgd100 + 1 < 48
    assert apgd100 <= count(TargetedAPGD(40), "4/255")
    assert count(FGSM(), "4/255") <= pgd20
    assert 0 < count(Bandits(600), "4/255") <= apgd100
    assert 0 < count(Stage("square", queries=300), "4/255") <= apgd100
    assert count(PGD(), "1") == 48  # the ball holds all images


def test_our_apgd_is_as_strong_as_that_of_its_authors(count: Count) -> None:
    assert abs(count(APGD(40), "4/255") - count(Stage("apgd-ce", 40), "4/255")) <= 1
    assert abs(count(TargetedAPGD(20), "4/255") - count(Stage("apgd-t", 20), "4/255")) <= 1


def test_more_steps_or_restarts_never_fool_fewer_images(count: Count) -> None:
    steps = [count(PGD(steps, "1/255"), "4/255") for steps in (1, 2, 5, 10, 20, 40)]
    restarts = [count(PGD(3, restarts=restarts), "4/255") for restarts in (1, 2, 4, 8)]
    again = [count(APGD(10, restarts=restarts), "4/255") for restarts in (1, 2, 4)]
    noise = [count(Noise(draws), "4/255") for draws in (1, 5, 20)]

    for counts in (steps, restarts, again, noise):
        assert counts == sorted(counts)
    assert steps[0] < steps[-1]


def test_keep_best_returns_the_iterate_of_largest_loss() -> None:
    network, images, ball = small_network(), random_images(), LinfBall(0.1)
    labels = network(images).argmax(dim=1)
    iterates = [
        pgd(network, images, labels, ball, step_size=0.06, steps=steps, loss=margin)
        for steps in range(8)
    ]
    losses = torch.stack([margin(network(x), labels) for x in iterates])

    best = pgd(network, images, labels, ball, step_size=0.06, steps=7, loss=margin, keep="best")

    torch.testing.assert_close(margin(network(best), labels), losses.amax(dim=0))
    assert (losses.argmax(dim=0) < 7).any()  # the last is not always the best


def test_restarts_that_could_not_differ_are_refused() -> None:
    network, images = small_network(), random_images(2)

    with pytest.raises(ValueError, match="restarts need a generator"):
        pgd(
            network,
            images,
            torch.zeros(2, dtype=torch.long),
            LinfBall(0.1),
            step_size=0.1,
            steps=1,
            restarts=2,
            keep="first",
        )
    with pytest.raises(InputError, match="would all be the same"):
        PGD(restarts=2, random_start=False)


@pytest.mark.parametrize("ball", [LinfBall(16 / 255), L2Ball(0.5)], ids=["linf", "l2"])
def test_bandits_spend_no_more_than_their_budget_and_stop_when_they_succeed(ball: Ball) -> None:
    network, images = small_network(), random_images()
    labels = network(images).argmax(dim=1)
    seen: list[int] = []

    def counting(batch: Tensor) -> Tensor:
        seen.append(len(batch))
        logits: Tensor = network(batch)
        return logits

    found, spent = bandits(counting, images, labels, ball, queries=200, generator=stream())

    wrong = network(found).argmax(dim=1) != labels
    assert wrong.any()
    assert sum(seen) == int(spent.sum())
    assert (spent[~wrong] == 198).all()
    assert (spent[wrong] <= 198).all()
    assert spent[wrong].float().mean() < 150


def test_bandits_climb_along_the_gradient() -> None:
    network, images = Linear(64), torch.full((8, 1, 8, 8), 0.5)
    labels = torch.zeros(8, dtype=torch.long)
    ball = LinfBall(1e-4)  # too small to fool, so that every step is taken

    found, _ = bandits(network, images, labels, ball, queries=600, generator=stream())

    moved = (found - images).flatten(1)
    cosine = torch.cosine_similarity(moved, -network.weight.detach().sign().expand_as(moved))
    assert (cosine > 0.3).all()


@pytest.mark.parametrize(("pixels", "tile"), [(8, 1), (96, 6), (120, 6), (16, 1)])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_first_step_of_bandits_is_a_fraction_of_epsilon_on_square_tiles(
    norm: Norm, pixels: int, tile: int
) -> None:
    images = torch.full((2, 1, pixels, pixels), 0.5)
    attack = Attack(Bandits(3), "0.05", norm)

    found = attack(Linear(pixels**2), images, torch.zeros(2, dtype=torch.long), stream()).images

    moved = found - images
    side = pixels // tile
    tiles = moved.view(2, side, tile, side, tile)
    assert bool((tiles == tiles[:, :, :1, :, :1]).all())
    assert len(moved[0].unique()) > 1
    length = attack.ball.distance(found, images)
    torch.testing.assert_close(length, torch.full((2,), 0.05 / (5 if norm == "linf" else 10)))


def test_targeted_apgd_tries_the_most_likely_wrong_classes_first() -> None:
    """Class 1 is likelier than class 2, but no image in the ball is classified as 1."""
    images, labels = torch.full((2, 1, 4, 4), 0.5), torch.zeros(2, dtype=torch.long)

    def network(points: Tensor) -> Tensor:
        bright = points.mean((1, 2, 3)) - 0.5
        constant = torch.tensor([0.0, -0.1, 0.0, -5.0, -6.0])
        return constant + torch.nn.functional.pad(5 * bright[:, None] - 0.2, (2, 2))

    def reached(targets: int) -> list[int]:
        method = TargetedAPGD(10, targets=targets)
        found = Attack(method, "0.1")(network, images, labels, stream()).images
        return network(found).argmax(dim=1).tolist()

    assert reached(1) == [0, 0]
    assert reached(2) == [2, 2]


@pytest.mark.parametrize("confidence", [0.0, 0.5])
def test_carlini_wagner_exceeds_the_margin_given_by_its_confidence(confidence: float) -> None:
    network, images = Linear(12), torch.full((1, 12), 0.5)
    label = torch.zeros(1, dtype=torch.long)

    found = carlini_wagner(
        network,
        images,
        label,
        search_steps=6,
        steps=200,
        learning_rate=0.02,
        confidence=confidence,
    )

    exact = (0.05 + confidence / 2) / torch.linalg.vector_norm(network.weight.detach())
    torch.testing.assert_close(L2Ball(1).distance(found, images)[0], exact, rtol=0.02, atol=0)
    assert bool(margin(network(found), label) > confidence)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PGD(loss="cee"), "did you mean 'ce'"),
        (lambda: PGD(steps=0), "steps must be above 0"),
        (lambda: PGD(step_size="-1/255"), "step size must be above 0"),
        (lambda: APGD(loss="x"), "unknown loss"),
        (lambda: Stage("apgd"), "did you mean 'apgd-"),  # type: ignore[arg-type]
        (lambda: Attack(PGD(), None), "pgd-20 needs an epsilon"),
        (lambda: Attack(CarliniWagner(), "0.5", "l2"), "takes no epsilon"),
        (lambda: Attack(CarliniWagner(), None), "in l2 balls only"),
        (lambda: Attack(PGD(), "8"), "the usual 8 is written 8/255"),
        (lambda: Attack(PGD(), "0.1", "l3"), "unknown norm"),  # type: ignore[arg-type]
    ],
)
def test_invalid_attacks_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
