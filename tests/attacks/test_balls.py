"""Balls: random starts are uniform, projections end at the nearest point inside."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from networks import stream
from scratchticket.attacks import Ball, L2Ball, LinfBall

EPSILON = 0.3


def furthest_from_uniform(values: Tensor) -> float:
    """Return the largest difference between the distribution of values and the uniform one."""
    ranks = torch.linspace(0, 1, values.numel(), dtype=torch.float64)
    return float((values.double().flatten().sort().values - ranks).abs().max())


def test_starts_in_a_cube_are_uniform_pixel_by_pixel() -> None:
    images = torch.full((20_000, 1, 1, 3), 0.5)

    moved = LinfBall(EPSILON).random_start(images, stream()) - images

    assert furthest_from_uniform((moved / EPSILON + 1) / 2) < 0.01
    correlation = torch.corrcoef(moved.flatten(1).T) - torch.eye(3)
    assert correlation.abs().max() < 0.03


def test_starts_in_a_sphere_prefer_no_radius_and_no_direction() -> None:
    images = torch.full((20_000, 1, 1, 3), 0.5)

    moved = (L2Ball(EPSILON).random_start(images, stream()) - images).flatten(1) / EPSILON

    lengths = moved.norm(dim=1)
    assert furthest_from_uniform(lengths**3) < 0.01  # the volume within a radius
    cosines = moved / lengths[:, None]  # in three dimensions each is uniform (Archimedes)
    for axis in (cosines[:, 0], cosines.sum(dim=1) / 3**0.5):
        assert furthest_from_uniform((axis + 1) / 2) < 0.015


@pytest.mark.parametrize("ball", [LinfBall(EPSILON), L2Ball(EPSILON)], ids=["linf", "l2"])
def test_starts_near_black_and_white_stay_in_the_pixel_range(ball: Ball) -> None:
    images = torch.tensor([0.0, 0.1, 0.95, 1.0]).view(1, 1, 1, 4).repeat(500, 1, 1, 1)

    started = ball.random_start(images, stream())

    assert 0 <= float(started.min()) <= float(started.max()) <= 1
    assert float(ball.distance(started, images).max()) <= EPSILON + 1e-6
    assert bool((started != images).flatten(1).any(dim=1).all())


def test_projection_onto_a_cube_is_a_clamp_between_both_bounds() -> None:
    images, outside = torch.rand(50, 1, 4, 4), 4 * torch.rand(50, 1, 4, 4) - 2

    inside = LinfBall(EPSILON).project(outside, images)

    low, high = (images - EPSILON).clamp_min(0), (images + EPSILON).clamp_max(1)
    torch.testing.assert_close(inside, torch.minimum(torch.maximum(outside, low), high))


def test_projection_onto_a_sphere_goes_straight_back_and_keeps_the_pixel_range() -> None:
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
