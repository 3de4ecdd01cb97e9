"""The gradient methods of attack, with their settings; what they do is told by the functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from scratchticket.attacks.apgd import apgd, targeted_apgd
from scratchticket.attacks.gradient import Ending, Keep, pgd
from scratchticket.attacks.losses import LOSSES
from scratchticket.attacks.method import Result, Settings, Stepping, Target
from scratchticket.base.errors import InputError, unknown


@dataclass(frozen=True)
class PGD(Stepping):
    """Projected gradient descent; see :func:`scratchticket.attacks.pgd`.

    Attributes:
        steps: Gradient evaluations.
        step_size: Of :class:`Stepping`.
        loss: ``ce``, ``margin`` (then tables call it CW-Inf), ``dlr``, or ``scaled-ce``.
        restarts: Random starts; images that are fooled are not tried again.
        random_start: Whether the first search begins at a random point, too.
        keep: ``first`` image that fools, which ends the search of its image; or the ``best``.
        momentum: Share of the earlier gradients in a step, if any.
    """

    loss: str = "ce"
    restarts: int = 1
    random_start: bool = True
    keep: Keep = "first"
    momentum: float | None = None
    losses: ClassVar[Sequence[str]] = tuple(LOSSES)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in self.losses:
            raise unknown("loss", self.loss, self.losses)
        if self.restarts > 1 and self.keep == "last":
            raise InputError("restarts need keep=first, worst or best")
        if self.restarts > 1 and not self.random_start:
            raise InputError("restarts without random starts would all be the same")

    @property
    def name(self) -> str:
        """What it is called."""
        kind = "pgd" if self.momentum is None else "momentum-pgd"
        return kind if self.loss == "ce" else f"{self.loss}-{kind}"

    def __call__(self, target: Target) -> Result:
        return Result(pgd(*target[:4], loss=LOSSES[self.loss], **self.search(target)))

    def search(self, target: Target) -> dict[str, Any]:
        """Return the settings as the function takes them, all but the loss."""
        return {
            "step_size": self.length,
            "steps": self.steps,
            "generator": target.generator if self.random_start else None,
            "restarts": self.restarts,
            "keep": self.keep,
            "momentum": self.momentum or 0.0,
        }

    def __str__(self) -> str:
        return f"{self.name}-{self.steps}{again(self.restarts)}{kept(self)}"


@dataclass(frozen=True)
class FGSM(Settings):
    """One step (Goodfellow et al., 2015; with a random start, Wong et al., 2020).

    Attributes:
        random_start: Whether to start at a random point and go 1.25 epsilon; else it is epsilon,
            from the image itself.
    """

    random_start: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return "fgsm-rs" if self.random_start else "fgsm"

    def __call__(self, target: Target) -> Result:
        length = 1.25 if self.random_start else 1.0
        return Result(
            pgd(
                *target[:4],
                step_size=length * target.ball.epsilon,
                steps=1,
                generator=target.generator if self.random_start else None,
            )
        )

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class APGD(Settings):
    """Auto-PGD; see :func:`scratchticket.attacks.apgd`.

    Attributes:
        steps: Gradient evaluations.
        loss: As of :class:`PGD`.
        restarts: Random starts.
        keep: As of :class:`PGD`.
    """

    steps: int = 100
    loss: str = "ce"
    restarts: int = 1
    keep: Ending = "first"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in LOSSES:
            raise unknown("loss", self.loss, LOSSES)

    @property
    def name(self) -> str:
        """What it is called."""
        return f"apgd-{self.loss}"

    def __call__(self, target: Target) -> Result:
        loss, restarts = LOSSES[self.loss], self.restarts
        return Result(
            apgd(
                *target[:4],
                steps=self.steps,
                loss=loss,
                restarts=restarts,
                keep=self.keep,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.steps}{again(self.restarts)}{kept(self)}"


@dataclass(frozen=True)
class TargetedAPGD(Settings):
    """Targeted Auto-PGD; see :func:`scratchticket.attacks.targeted_apgd`.

    Attributes:
        steps: Gradient evaluations per class.
        targets: Classes to aim at.
        keep: As of :class:`PGD`.
    """

    steps: int = 100
    targets: int = 9
    keep: Ending = "first"

    @property
    def name(self) -> str:
        """What it is called."""
        return "apgd-t"

    def __call__(self, target: Target) -> Result:
        return Result(
            targeted_apgd(
                *target[:4],
                steps=self.steps,
                targets=self.targets,
                keep=self.keep,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.steps}{kept(self)}"


def again(restarts: int) -> str:
    """Return how a name says that an attack begins anew."""
    return f" x{restarts}" if restarts > 1 else ""


def kept(method: PGD | APGD | TargetedAPGD) -> str:
    """Return how a name says which iterate is kept, and with how much momentum, if not as usual."""
    told = [] if method.keep == type(method).keep else [str(method.keep)]
    if (momentum := getattr(method, "momentum", None)) not in (None, 1.0):
        told.append(f"momentum {momentum}")
    return f" ({'; '.join(told)})" if told else ""
