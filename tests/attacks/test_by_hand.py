"""Iterative attacks against reference loops over one image at a time, in double precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import ceil, inf

import pytest
import torch
from torch import Tensor

from networks import Curved, StillL2, StillLinf, stream
from scratchticket.attacks import (
    Ball,
    Keep,
    L2Ball,
    LinfBall,
    apgd,
    bandits,
    carlini_wagner,
    cross_entropy,
    margin,
    noise,
    pgd,
)
from scratchticket.attacks.apgd import checkpoints

NETWORK = Curved().double()
EPSILON = {"linf": 0.06, "l2": 0.25}


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """Use double precision, so that rounding decides no comparison of two losses."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def some_images(count: int = 12) -> tuple[Tensor, Tensor]:
    """Return small images, some pixels black or white, and the network's predictions."""
    images = (torch.rand(count, 1, 4, 4, generator=stream(1)) * 1.2 - 0.1).clamp(0, 1)
    return images, NETWORK(images).argmax(dim=1)


def slope(image: Tensor, label: Tensor, loss: Callable[..., Tensor]) -> tuple[Tensor, float]:
    """Return the gradient and the loss of one image."""
    point = image.clone().requires_grad_()
    value = loss(NETWORK(point[None]), label[None])[0]
    return torch.autograd.grad(value, point)[0], float(value.detach())


def is_fooled(image: Tensor, label: Tensor) -> bool:
    return int(NETWORK(image[None]).argmax()) != int(label)


def into_ball(point: Tensor, image: Tensor, norm: str) -> Tensor:
    epsilon, moved = EPSILON[norm], point - image
    if norm == "linf":
        return (image + moved.clamp(-epsilon, epsilon)).clamp(0, 1)
    return (image + moved * min(1.0, epsilon / max(float(moved.norm()), 1e-12))).clamp(0, 1)


def upward(direction: Tensor, norm: str) -> Tensor:
    return direction.sign() if norm == "linf" else direction / direction.norm()


def ball_of(norm: str) -> Ball:
    """Return the ball of a norm, without random starts."""
    return StillLinf(EPSILON[norm]) if norm == "linf" else StillL2(EPSILON[norm])


def best_of(points: list[Tensor], label: Tensor, loss: Callable[..., Tensor]) -> Tensor:
    """Return the point of largest loss among those that fool the network, or among all."""
    return max(points, key=lambda point: (is_fooled(point, label), slope(point, label, loss)[1]))


def rugged(logits: Tensor, labels: Tensor) -> Tensor:
    """Return a loss with many local maxima."""
    return cross_entropy(logits, labels) + torch.sin(20 * logits).sum(dim=1) / 8


def pgd_points(image: Tensor, label: Tensor, norm: str, momentum: float) -> list[Tensor]:
    """Return the image and the six iterates after it."""
    points, velocity = [image], torch.zeros_like(image)
    for _ in range(6):
        gradient, _ = slope(points[-1], label, rugged)
        velocity = momentum * velocity + gradient / gradient.abs().mean()
        ahead = points[-1] + EPSILON[norm] / 4 * upward(velocity, norm)
        points.append(into_ball(ahead, image, norm))
    return points


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("momentum", [0.0, 0.6])
@pytest.mark.parametrize("keep", ["last", "first", "worst", "best"])
def test_pgd_returns_the_iterate_that_keep_names(keep: Keep, momentum: float, norm: str) -> None:
    images, labels = some_images()
    expected, stops, peaks = [], set(), set()
    for image, label in zip(images, labels, strict=True):
        points = pgd_points(image, label, norm, momentum)
        fooling = [place for place, point in enumerate(points) if is_fooled(point, label)]
        stops.add(fooling[0] if fooling else None)
        if keep == "last" or (keep == "first" and not fooling):
            expected.append(points[-1])
        elif keep == "best" or not fooling:
            expected.append(best_of(points, label, rugged))
        else:
            expected.append(points[fooling[0]])
        peaks.add(len(points) - 1 if expected[-1] is points[-1] else None)
    assert None in stops
    assert None in peaks or keep in {"last", "first"}
    assert len(stops) > 2  # images stop at different steps

    found = pgd(
        NETWORK,
        images,
        labels,
        ball_of(norm),
        step_size=EPSILON[norm] / 4,
        steps=6,
        loss=rugged,
        keep=keep,
        momentum=momentum,
    )

    torch.testing.assert_close(found, torch.stack(expected), rtol=0, atol=1e-9)


def paper_checkpoints(steps: int) -> set[int]:
    """Return Croce and Hein's checkpoints in exact arithmetic."""
    before, share, found = Fraction(0), Fraction(22, 100), set()
    while share <= 1:
        found.add(ceil(share * steps))
        period = max(share - before - Fraction(3, 100), Fraction(6, 100))
        before, share = share, share + period
    return found


def test_checkpoints_are_those_of_the_paper_for_every_number_of_steps() -> None:
    for steps in range(1, 400):
        assert checkpoints(steps) == sorted(paper_checkpoints(steps))


class PrescribedLoss:
    """A loss with prescribed values and gradients for every image and call."""

    def __init__(self, images: int, calls: int, norm: str) -> None:
        draws, self.called, self.points = stream(), 0, list[Tensor]()
        self.gradients = torch.randn(images, calls, 16, generator=draws)
        falls = torch.rand(images, calls, generator=draws) < 0.2
        depths = torch.randint(1, 12, (images, calls), generator=draws).to(self.gradients)
        self.losses = torch.where(falls, -depths, 1.0).cumsum(dim=1)  # mostly rising
        self.norm = norm

    def __call__(self, pixels: Tensor, image: Tensor) -> Tensor:
        self.points.append(pixels.detach().clone())
        pulled = (pixels * self.gradients[image, self.called]).sum(dim=1)
        self.called += 1
        return self.losses[image, self.called - 1] + (pulled - pulled.detach())

    def apgd_points(self, row: int, image: Tensor, met: set[tuple[bool, bool]]) -> list[Tensor]:
        """Return the iterates of Croce and Hein's Algorithm 1, and note which conditions held."""
        epsilon, calls = EPSILON[self.norm], self.losses.shape[1]
        before = point = image
        best, best_then, loss = 0, float(self.losses[row, 0]), float(self.losses[row, 0])
        gradient, points = self.gradients[row, 0], [image]
        step, rises, halved, last = 2 * epsilon, 0, True, 0
        for number in range(1, calls):
            ahead = into_ball(point + step * upward(gradient, self.norm), image, self.norm)
            if number > 1:
                mixed = point + 0.75 * (ahead - point) + 0.25 * (point - before)
                ahead = into_ball(mixed, image, self.norm)
            before, point, old = point, ahead, loss
            points.append(point)
            gradient, loss = self.gradients[row, number], float(self.losses[row, number])
            rises += loss > old
            if loss > float(self.losses[row, best]):
                best = number
            if number in paper_checkpoints(calls - 1):
                best_loss = float(self.losses[row, best])
                few_rises, no_better = rises < 0.75 * (number - last), best_loss <= best_then
                met.add((few_rises, not halved and no_better))
                halved = few_rises or (not halved and no_better)
                if halved:
                    step, point, loss = step / 2, points[best], best_loss
                    gradient = self.gradients[row, best]
                best_then, rises, last = best_loss, 0, number
        return [*points, points[best]]


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("steps", [7, 50])
def test_auto_pgd_is_algorithm_1_of_its_paper(norm: str, steps: int) -> None:
    images, met = some_images(40)[0].flatten(1), set[tuple[bool, bool]]()
    prescribed = PrescribedLoss(40, steps + 1, norm)
    wanted = [prescribed.apgd_points(row, image, met) for row, image in enumerate(images)]
    assert len(met) == 4 or steps == 7  # conditions 1 and 2 held in every combination

    found = apgd(
        lambda points: points,
        images,
        torch.arange(40),
        ball_of(norm),
        steps=steps,
        loss=prescribed,
        generator=stream(),
        keep="best",
        error=lambda pixels, rows: torch.zeros(len(rows)),
    )

    visited = torch.stack([*prescribed.points, found], dim=1)
    expected = torch.stack([torch.stack(points) for points in wanted])
    torch.testing.assert_close(visited, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("ball", [LinfBall(0.3), L2Ball(1.0)], ids=["linf", "l2"])
def test_noise_returns_the_first_fooling_point_or_else_that_of_largest_loss(ball: Ball) -> None:
    images, labels = some_images()
    draws, expected = stream(), []
    rounds = [ball.random_start(images, draws) for _ in range(4)]
    for place, label in enumerate(labels):
        points = [points[place] for points in rounds]
        fooling = [point for point in points if is_fooled(point, label)]
        expected.append(fooling[0] if fooling else best_of(points, label, cross_entropy))

    found = noise(NETWORK, images, labels, ball, draws=4, generator=stream())

    assert torch.equal(found, torch.stack(expected))


def faint_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of logits scaled down, so that no prior saturates."""
    return cross_entropy(logits / 50, labels)


def bandit_points(
    image: Tensor, label: Tensor, directions: list[Tensor], norm: str
) -> Iterator[Tensor]:
    """Yield the iterates of Ilyas et al., Algorithms 2 and 3, with 2x2 tiles."""
    prior, point = torch.zeros(1, 2, 2), image
    reach, rate, exploration = (0.1, 100.0, 1.0) if norm == "linf" else (0.01, 0.1, 0.01)
    length = EPSILON[norm] / (5 if norm == "linf" else 10)

    def pixels(tiles: Tensor) -> Tensor:
        return tiles.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)

    def loss_towards(tiles: Tensor) -> float:
        moved = point + reach * pixels(tiles) / pixels(tiles).norm()
        return slope(moved.clamp(0, 1), label, faint_cross_entropy)[1]

    for direction in directions:
        unit = direction / 2  # scaled by the root of the number of tiles
        difference = loss_towards(prior + exploration * unit) - loss_towards(
            prior - exploration * unit
        )
        gradient = difference / (reach * exploration) * unit
        if norm == "linf":  # exponentiated gradient, written as in the paper
            up = (1 + prior) / 2 * torch.exp(rate * gradient)
            down = (1 - prior) / 2 * torch.exp(-rate * gradient)
            prior = (up - down) / (up + down)
        else:
            prior = prior + rate * gradient / gradient.norm()
        point = into_ball(point + length * upward(pixels(prior), norm), image, norm)
        yield point


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_bandits_are_algorithms_2_and_3_of_their_paper(norm: str) -> None:
    images, labels = some_images(10)
    draws = stream()
    rounds = [torch.empty(10, 1, 2, 2).normal_(generator=draws) for _ in range(20)]
    expected, spent = [], []
    for place, label in enumerate(labels):
        own = [directions[place] for directions in rounds]
        points = list(bandit_points(images[place], label, own, norm))
        fooling = [step for step, point in enumerate(points) if is_fooled(point, label)]
        spent.append(3 * (fooling[0] + 1 if fooling else len(points)))
        best = points[fooling[0]] if fooling else best_of(points, label, faint_cross_entropy)
        expected.append(best)

    found, queries = bandits(
        lambda points: NETWORK(points) / 50,
        images,
        labels,
        ball_of(norm),
        queries=62,
        tiles=2,
        generator=stream(),
    )

    torch.testing.assert_close(found, torch.stack(expected), rtol=0, atol=1e-9)
    assert queries.tolist() == spent


def nearest_by_adam(
    image: Tensor, label: Tensor, constant: float, confidence: float
) -> tuple[Tensor, list[float]]:
    """Return the nearest adversarial image of five searches of 30 steps, and their constants."""
    start = torch.atanh((2 * image - 1) * (1 - 1e-6))
    origin = (torch.tanh(start) + 1) / 2
    best, shortest, low, high, constants = image, inf, 0.0, inf, []
    for _ in range(5):
        point, mean, square, reached = start.clone(), 0.0, 0.0, False
        constants.append(constant)
        for step in range(31):
            point = point.detach().requires_grad_()
            pixels = (torch.tanh(point) + 1) / 2
            ahead = margin(NETWORK(pixels[None]), label[None])[0]
            if bool(ahead > confidence):
                reached, distance = True, float((pixels.detach() - image).norm())
                if distance < shortest:
                    best, shortest = pixels.detach(), distance
            cost = (pixels - origin).square().sum() + constant * (confidence - ahead).clamp_min(0)
            (gradient,) = torch.autograd.grad(cost, point)
            mean = 0.9 * mean + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            length = (square / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8
            point = point - 0.05 * mean / (1 - 0.9 ** (step + 1)) / length
        low, high = (low, min(high, constant)) if reached else (max(low, constant), high)
        constant = 10 * constant if high == inf else (low + high) / 2
    return best, constants


@pytest.mark.parametrize("confidence", [0.0, 0.3])
def test_carlini_wagner_is_adam_in_tanh_space_with_a_search_of_the_constant(
    confidence: float,
) -> None:
    images, labels = some_images(6)
    wanted = [nearest_by_adam(*pair, 0.02, confidence) for pair in zip(images, labels, strict=True)]
    constants = [tried for _, tried in wanted]
    assert any(tried[1] == 10 * tried[0] for tried in constants)  # the first search failed
    assert any(tried[-1] < tried[-2] for tried in constants)  # the last but one search succeeded

    found = carlini_wagner(
        NETWORK,
        images,
        labels,
        search_steps=5,
        steps=30,
        learning_rate=0.05,
        constant=0.02,
        confidence=confidence,
    )

    expected = torch.stack([image for image, _ in wanted])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
