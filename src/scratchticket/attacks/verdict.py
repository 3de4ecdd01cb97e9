"""Check what attacks return, instead of trusting them (decision 8)."""

from __future__ import annotations

import torch
from torch import Tensor

from scratchticket.attacks.balls import Ball
from scratchticket.base.errors import ScratchticketError

TOLERANCE = 1e-6  # relative to 1 + epsilon: a few rounding errors in single precision


def verified(adversarial: Tensor, images: Tensor, ball: Ball, attack: str) -> Tensor:
    """Return the adversarial images after checking that they are inside the threat model.

    Args:
        adversarial: Images the attack returned.
        images: Original images, pixels in [0, 1].
        ball: The ball of the attack.
        attack: Name of the attack, for the error message.

    Raises:
        ScratchticketError: If shape or type changed, a pixel is not finite or lies outside [0, 1],
            or an image lies outside the ball.
    """
    if not isinstance(adversarial, Tensor):
        raise ScratchticketError(
            f"attack {attack} returned {type(adversarial).__name__}, not images"
        )
    if adversarial.shape != images.shape or adversarial.dtype != images.dtype:
        raise ScratchticketError(
            f"attack {attack} returned images of another shape or type than it was given"
        )
    if not torch.isfinite(adversarial).all():
        raise ScratchticketError(f"attack {attack} returned pixels that are not finite")
    if adversarial.min() < 0 or adversarial.max() > 1:
        raise ScratchticketError(f"attack {attack} returned pixels outside [0, 1]")
    distance = float(ball.distance(adversarial, images).max())
    if distance > ball.epsilon + TOLERANCE * (1 + ball.epsilon):
        raise ScratchticketError(
            f"attack {attack} left the ball: distance {distance:.6f}, epsilon {ball.epsilon:.6f}"
        )
    return adversarial
