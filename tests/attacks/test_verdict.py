"""Adversarial images are verified against the threat model, up to rounding errors."""

from __future__ import annotations

import pytest
import torch

from scratchticket.attacks import Ball, L2Ball, LinfBall
from scratchticket.attacks.verdict import TOLERANCE, verified
from scratchticket.base.errors import ScratchticketError

EPSILON = 0.25


@pytest.mark.parametrize("ball", [LinfBall(EPSILON), L2Ball(EPSILON)], ids=["linf", "l2"])
def test_one_image_outside_the_ball_by_more_than_rounding_is_an_error(ball: Ball) -> None:
    images, slack = torch.full((3, 1, 2, 2), 0.5), TOLERANCE * (1 + EPSILON)
    near, far = images.clone(), images.clone()
    near[1, 0, 1, 0] += EPSILON + slack / 2
    far[1, 0, 1, 0] -= EPSILON + 2 * slack

    assert verified(near, images, ball, "it") is near
    with pytest.raises(ScratchticketError, match="it left the ball: distance 0.25000"):
        verified(far, images, ball, "it")


def test_the_l2_distance_is_over_all_pixels() -> None:
    images = torch.full((1, 1, 2, 2), 0.5)

    assert verified(images + 0.2, images, LinfBall(EPSILON), "it").shape == images.shape
    with pytest.raises(ScratchticketError, match="distance 0.400000, epsilon 0.250000"):
        verified(images + 0.2, images, L2Ball(EPSILON), "it")


@pytest.mark.parametrize("pixel", [-1e-7, 1 + 2e-7, float("inf")])
def test_pixels_that_are_outside_the_range_or_infinite_are_an_error(pixel: float) -> None:
    images = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    moved = images.clone()
    moved[0, 0, 0, 0 if pixel < 0 else 2] = pixel

    with pytest.raises(ScratchticketError, match="pixels (outside|that are not finite)"):
        verified(moved, images, LinfBall(1.0), "it")


def test_a_result_that_is_not_a_tensor_is_an_error() -> None:
    with pytest.raises(ScratchticketError, match="attack it returned list, not images"):
        verified([0.5], torch.zeros(1, 1, 1, 1), LinfBall(1.0), "it")  # type: ignore[arg-type]
