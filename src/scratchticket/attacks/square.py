"""Square (Andriushchenko et al., 2020, arXiv:1912.00049) on a set of networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from scratchticket.attacks.autoattack import common_arguments, library, restored_globals
from scratchticket.attacks.balls import Ball
from scratchticket.attacks.gradient import all_fooled
from scratchticket.attacks.method import OnSet, Result, Target, member_probabilities, network_set
from scratchticket.attacks.sets import NetworkSet, expected_error, scaled_margin

WEIGHT = 100.0  # weight of accuracy relative to margin, so that accuracy is lowered first


def square_on_set(  # noqa: PLR0913
    networks: NetworkSet,
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    *,
    probabilities: Tensor,
    queries: int = 5000,
    generator: torch.Generator,
) -> Tensor:
    """Attack with Square, minimising the set's expected accuracy, then its expected margin.

    The random search is that of AutoAttack's authors; margins are in standard deviations of the
    logits.

    Args:
        networks: The set of networks.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        ball: Threat model, the ball around each image.
        probabilities: Probability that each network answers, ``(network,)``.
        queries: Query budget per image; one query evaluates every network.
        generator: Draws the attack's seed.

    Returns:
        Adversarial images, detached.

    Raises:
        InputError: If pyautoattack is not installed.
    """
    *_, square = library()
    error = expected_error(probabilities)

    def margin_and_loss(points: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        if len(points) == 0:
            return points.new_zeros(0), points.new_zeros(0)
        with torch.no_grad():
            logits = networks(points)
            margins = -scaled_margin(logits, truth) @ probabilities.to(logits)
            wrong = error(logits, truth)
        right = torch.where(all_fooled(wrong), 0.0, 1 - wrong)
        return right, WEIGHT * right + margins

    attack: Any = square(
        networks,
        n_queries=queries,
        p_init=0.8,
        resc_schedule=False,
        **common_arguments(ball, images, generator),
    )
    attack.margin_and_loss = margin_and_loss
    with restored_globals():
        torch.manual_seed(attack.seed)
        attack.init_hyperparam(images)
        _, adversarial = attack.attack_single_run(images.contiguous(), labels)
    result: Tensor = adversarial.detach()
    return result


@dataclass(frozen=True)
class SetSquare(OnSet):
    """Square on a set; see :func:`square_on_set`."""

    queries: int = 5000
    probabilities: tuple[float, ...] | None = None
    black_box: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Name in titles and records."""
        return "expected-square"

    @property
    def passes(self) -> int:
        """The query budget."""
        return self.queries

    def __call__(self, target: Target) -> Result:
        return Result(
            square_on_set(
                network_set(target),
                *target[1:4],
                probabilities=member_probabilities(self.probabilities, target),
                queries=self.queries,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.queries}"
