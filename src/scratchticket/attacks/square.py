"""Square (Andriushchenko et al., 2020, arXiv:1912.00049) on a set of networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from scratchticket.attacks.autoattack import library, settings, undone
from scratchticket.attacks.balls import Ball
from scratchticket.attacks.gradient import whole
from scratchticket.attacks.sets import Together, expected_error, scaled_margin

WEIGHT = 100.0  # of an error against margins: fewer right answers come before smaller margins


def square_on_set(  # noqa: PLR0913
    together: Together,
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    *,
    probabilities: Tensor,
    queries: int = 5000,
    generator: torch.Generator,
) -> Tensor:
    """Search at random for squares that lower expected accuracy and, where it stays, the margin.

    The search is that of AutoAttack's authors; what it lowers is the set's expected accuracy, then
    its expected margin in standard deviations of the logits.

    Args:
        together: The networks.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Where the adversarial images may lie.
        probabilities: That a network answers: ``(network,)``.
        queries: Budget per image; a query asks every network.
        generator: Gives the attack its seed.

    Returns:
        Adversarial images, detached.

    Raises:
        InputError: If pyautoattack is not installed.
    """
    *_, square = library()
    error = expected_error(probabilities)

    def measured(points: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        if len(points) == 0:
            return points.new_zeros(0), points.new_zeros(0)
        with torch.no_grad():
            logits = together(points)
            leads = -scaled_margin(logits, truth) @ probabilities.to(logits)
            wrong = error(logits, truth)
        right = torch.where(whole(wrong), 0.0, 1 - wrong)
        return right, WEIGHT * right + leads

    attack: Any = square(
        together,
        n_queries=queries,
        p_init=0.8,
        resc_schedule=False,
        **settings(ball, images, generator),
    )
    attack.margin_and_loss = measured
    with undone():
        torch.manual_seed(attack.seed)
        attack.init_hyperparam(images)
        _, adversarial = attack.attack_single_run(images.contiguous(), labels)
    found: Tensor = adversarial.detach()
    return found
