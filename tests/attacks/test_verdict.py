"""What is inside the threat model, to a few roundings in single precision."""

from __future__ import annotations

import pytest
import torch

from scratchticket.attacks import Ball, L2Ball, LinfBall
from scratchticket.attacks.verdict import TOLERANCE, verified
from scratchticket.base.errors import ScratchticketError

EPSILON = 0.25


@pytest.mark.parametrize("ball", [LinfBall(EPSILON), L2Ball(EPSILON)], ids=["linf", "l2"])
def test_one_image_beyond_a_rounding_is_outside_whatever_the_others_are(ball: Ball) -> None:
    images, slack = torch.full((3, 1, 2, 2), 0.5), TOLERANCE * (1 + EPSILON)
    near, far = images.clone(), images.clone()
    near[1, 0, 1, 0] += EPSILON + slack / 2
    far[1, 0, 1, 0] -= EPSILON + 2 * slack

    assert verified(near, images, ball, "it") is near
    with pytest.raises(ScratchticketError, match="it left the ball: distance 0.25000"):
        verified(far, images, ball, "it")


def test_the_euclidean_ball_adds_up_what_each_pixel_moves() -> None:
    images = torch.full((1, 1, 2, 2), 0.5)

    assert verified(images + 0.2, images, LinfBall(EPSILON), "it").shape == images.shape
    with pytest.raises(ScratchticketError, match="distance 0.400000, epsilon 0.250000"):
        verified(images + 0.2, images, L2Ball(EPSILON), "it")


@pytest.mark.parametrize("pixel", [-1e-7, 1 + 2e-7, float("inf")])
def test_no_pixel_may_be_darker_than_black_or_brighter_than_white(pixel: float) -> None:
    images = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    moved = images.clone()
    moved[0, 0, 0, 0 if pixel < 0 else 2] = pixel

    with pytest.raises(ScratchticketError, match="pixels (outside|that are not finite)"):
        verified(moved, images, LinfBall(1.0), "it")


def test_what_is_no_tensor_is_named() -> None:
    with pytest.raises(ScratchticketError, match="attack it returned list, not images"):
        verified([0.5], torch.zeros(1, 1, 1, 1), LinfBall(1.0), "it")  # type: ignore[arg-type]
