"""Balls: random starts are uniform, and projections lie in the ball and in the pixel range."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from torch import Tensor

from networks import stream
from scratchticket.attacks import Ball, L2Ball, LinfBall, Norm
from scratchticket.attacks.balls import ball_of, exact_epsilon
from scratchticket.base.errors import InputError

EPSILON = 0.3


def distance_from_uniform(values: Tensor) -> float:
    """Return the largest difference of the empirical from the uniform distribution function."""
    ranks = torch.linspace(0, 1, values.numel(), dtype=torch.float64)
    return float((values.double().flatten().sort().values - ranks).abs().max())


def test_linf_starts_are_uniform_and_uncorrelated_across_pixels() -> None:
    images = torch.full((20_000, 1, 1, 3), 0.5)

    moved = LinfBall(EPSILON).random_start(images, stream()) - images

    assert distance_from_uniform((moved / EPSILON + 1) / 2) < 0.01
    correlation = torch.corrcoef(moved.flatten(1).T) - torch.eye(3)
    assert correlation.abs().max() < 0.03


def test_l2_starts_are_uniform_in_the_ball() -> None:
    images = torch.full((20_000, 3, 1, 1), 0.5)

    moved = (L2Ball(EPSILON).random_start(images, stream()) - images).flatten(1) / EPSILON

    lengths = moved.norm(dim=1)
    assert distance_from_uniform(lengths**3) < 0.01  # fraction of the volume within that radius
    cosines = moved / lengths[:, None]  # in three dimensions each is uniform (Archimedes)
    for axis in (cosines[:, 0], cosines.sum(dim=1) / 3**0.5):
        assert distance_from_uniform((axis + 1) / 2) < 0.015


@pytest.mark.parametrize("ball", [LinfBall(EPSILON), L2Ball(EPSILON)], ids=["linf", "l2"])
def test_starts_near_black_and_white_stay_in_the_pixel_range(ball: Ball) -> None:
    images = torch.tensor([0.0, 0.1, 0.95, 1.0]).view(1, 1, 1, 4).repeat(500, 1, 1, 1)

    started = ball.random_start(images, stream())

    assert 0 <= float(started.min()) <= float(started.max()) <= 1
    assert float(ball.distance(started, images).max()) <= EPSILON + 1e-6
    assert bool((started != images).flatten(1).any(dim=1).all())


def test_linf_projection_clamps_to_the_ball_and_the_pixel_range() -> None:
    images, outside = torch.rand(50, 1, 4, 4), 4 * torch.rand(50, 1, 4, 4) - 2

    inside = LinfBall(EPSILON).project(outside, images)

    low, high = (images - EPSILON).clamp_min(0), (images + EPSILON).clamp_max(1)
    torch.testing.assert_close(inside, torch.minimum(torch.maximum(outside, low), high))


def test_l2_projection_shortens_the_perturbation_and_keeps_the_pixel_range() -> None:
    images = torch.full((50, 1, 4, 4), 0.5)
    outside = images + torch.randn(50, 1, 4, 4)
    ball = L2Ball(EPSILON)

    inside = ball.project(outside, images)

    torch.testing.assert_close(ball.distance(inside, images), torch.full((50,), EPSILON))
    cosines = torch.cosine_similarity((inside - images).flatten(1), (outside - images).flatten(1))
    torch.testing.assert_close(cosines, torch.ones(50))
    near = images + 0.001 * torch.randn(50, 1, 4, 4)
    torch.testing.assert_close(ball.project(near, images), near)
    dark = torch.rand(50, 1, 4, 4).round()
    clipped = ball.project(dark + torch.randn(50, 1, 4, 4), dark)
    assert 0 <= float(clipped.min()) <= float(clipped.max()) <= 1
    assert float(ball.distance(clipped, dark).max()) <= EPSILON + 1e-6


def test_distances_are_the_norms_of_the_perturbation() -> None:
    images = torch.full((2, 1, 2, 2), 0.5)
    moved = images.clone()
    moved[0, 0] += torch.tensor([[0.3, 0.0], [0.0, -0.4]])
    moved[1, 0] += torch.tensor([[0.0, 0.1], [0.0, 0.0]])

    torch.testing.assert_close(LinfBall(1).distance(moved, images), torch.tensor([0.4, 0.1]))
    torch.testing.assert_close(L2Ball(1).distance(moved, images), torch.tensor([0.5, 0.1]))


@pytest.mark.parametrize("ball", [LinfBall(1.0), L2Ball(1.0)], ids=["linf", "l2"])
def test_no_step_of_the_same_length_raises_a_linear_function_more(ball: Ball) -> None:
    images, lengths = torch.full((2, 1, 4, 4), 0.5), torch.tensor([0.1, 0.02])
    gradient = torch.randn(2, 1, 4, 4) * torch.tensor([1e-3, 50.0]).view(2, 1, 1, 1)

    moved = ball.ascend(images, gradient, lengths) - images

    flat = gradient.flatten(1)
    dual = flat.abs().sum(dim=1) if isinstance(ball, LinfBall) else flat.norm(dim=1)
    torch.testing.assert_close((moved * gradient).flatten(1).sum(dim=1), lengths * dual)
    torch.testing.assert_close(ball.distance(images + moved, images), lengths)
    for place, length in enumerate(lengths.tolist()):
        same = ball.ascend(images, gradient, length)[place]
        torch.testing.assert_close(same, (images + moved)[place])


@pytest.mark.parametrize(
    ("epsilon", "norm", "radius"),
    [("0", "linf", 0), ("1", "linf", 1), ("1000", "l2", 1000), (0.1, "l2", Fraction(1, 10))],
)
def test_the_smallest_and_the_largest_epsilon_are_accepted(
    epsilon: str | float, norm: Norm, radius: Fraction
) -> None:
    assert exact_epsilon(epsilon, norm) == radius
    assert ball_of(Fraction(radius), norm).epsilon == float(radius)


@pytest.mark.parametrize(("epsilon", "norm"), [("256/255", "linf"), ("1001", "l2"), (-1, "l2")])
def test_an_epsilon_out_of_range_is_refused(epsilon: str | float, norm: Norm) -> None:
    with pytest.raises(InputError, match="epsilon must lie in"):
        exact_epsilon(epsilon, norm)
