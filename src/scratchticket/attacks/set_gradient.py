"""Gradient attacks on a set of networks: PGD and Auto-PGD on a loss over the set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, get_args

from scratchticket.attacks.apgd import apgd
from scratchticket.attacks.method import (
    OnSet,
    Result,
    Target,
    member_probabilities,
    restarts_suffix,
)
from scratchticket.attacks.pgd import PGD, Keep, pgd
from scratchticket.attacks.sets import SetLoss, expected_error, set_loss
from scratchticket.base.errors import InputError

SET_LOSSES: tuple[SetLoss, ...] = get_args(SetLoss)


@dataclass(frozen=True)
class SetPGD(OnSet, PGD):
    """PGD on a set; see :func:`set_loss` and :func:`scratchticket.attacks.pgd`.

    Attributes:
        loss: Name of a loss of :func:`set_loss`.
        keep: Which iterate to return: the ``worst`` by expected accuracy, or, as in the paper, the
            ``last``.
        samples: For ``eot``: number of networks drawn per image and step; if None, the expectation
            is exact.
        probabilities: Probability of each network; uniform if None.
    """

    loss: str = "eot"
    keep: Keep = "worst"
    samples: int | None = None
    probabilities: tuple[float, ...] | None = None
    losses: ClassVar[Sequence[str]] = SET_LOSSES

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples is not None and self.loss != "eot":
            raise InputError(f"samples need loss=eot, got loss={self.loss}")

    @property
    def name(self) -> str:
        """Name in titles and records."""
        drawn = "" if self.samples is None else f"-of-{self.samples}"
        return f"{self.loss}{drawn}-pgd"

    def __call__(self, target: Target) -> Result:
        weights = member_probabilities(self.probabilities, target)
        loss = set_loss(
            self.loss,  # type: ignore[arg-type]
            weights,
            samples=self.samples,
            generator=target.generator,
        )
        return Result(
            pgd(*target[:4], loss=loss, error=expected_error(weights), **self.search(target))
        )


@dataclass(frozen=True)
class SetAPGD(OnSet):
    """Auto-PGD on a set; see :func:`set_loss` and :func:`scratchticket.attacks.apgd`."""

    steps: int = 100
    loss: SetLoss = "eot"
    restarts: int = 1
    probabilities: tuple[float, ...] | None = None
    losses: ClassVar[Sequence[str]] = SET_LOSSES

    @property
    def name(self) -> str:
        """Name in titles and records."""
        return f"{self.loss}-apgd"

    def __call__(self, target: Target) -> Result:
        weights = member_probabilities(self.probabilities, target)
        return Result(
            apgd(
                *target[:4],
                steps=self.steps,
                loss=set_loss(self.loss, weights),
                restarts=self.restarts,
                keep="worst",
                error=expected_error(weights),
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.steps}{restarts_suffix(self.restarts)}"
