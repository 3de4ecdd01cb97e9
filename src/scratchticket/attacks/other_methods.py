"""The methods of attack that do not climb a loss step by step, with their settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from scratchticket.attacks import autoattack
from scratchticket.attacks.apgd import apgd
from scratchticket.attacks.bandits import bandits
from scratchticket.attacks.cw import carlini_wagner
from scratchticket.attacks.method import Result, Settings, Target
from scratchticket.attacks.noise import noise
from scratchticket.attacks.recipe import Norm
from scratchticket.base.errors import unknown


@dataclass(frozen=True)
class Noise(Settings):
    """Random points of the ball; see :func:`scratchticket.attacks.noise`."""

    draws: int = 20
    black_box: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """What it is called."""
        return "noise"

    def __call__(self, target: Target) -> Result:
        return Result(noise(*target[:4], draws=self.draws, generator=target.generator))

    def __str__(self) -> str:
        return f"{self.name}-{self.draws}"


@dataclass(frozen=True)
class CarliniWagner(Settings):
    """The nearest adversarial image; see :func:`scratchticket.attacks.carlini_wagner`."""

    search_steps: int = 5
    steps: int = 100
    learning_rate: float = 0.1
    constant: float = 1.0
    nearest: ClassVar[bool] = True
    norms: ClassVar[tuple[Norm, ...]] = ("l2",)

    @property
    def name(self) -> str:
        """What it is called."""
        return "cw-l2"

    def __call__(self, target: Target) -> Result:
        return Result(
            carlini_wagner(
                *target[:3],
                search_steps=self.search_steps,
                steps=self.steps,
                learning_rate=self.learning_rate,
                constant=self.constant,
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.search_steps}x{self.steps}"


@dataclass(frozen=True)
class Bandits(Settings):
    """Bandits with priors; see :func:`scratchticket.attacks.bandits`."""

    queries: int = 10_000
    tiles: int | None = None
    black_box: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """What it is called."""
        return "bandits"

    def __call__(self, target: Target) -> Result:
        return Result(
            *bandits(
                *target[:4], queries=self.queries, tiles=self.tiles, generator=target.generator
            )
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.queries}"


@dataclass(frozen=True)
class Stage(Settings):
    """One attack of AutoAttack's standard version, by its authors' code.

    Attributes:
        stage: ``apgd-ce``, ``apgd-t``, ``fab-t`` or ``square``.
        steps: As of :func:`scratchticket.attacks.autoattack.stage`.
        queries: Budget of ``square``.
    """

    stage: autoattack.Stage = "square"
    steps: int = 100
    queries: int = 5000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stage not in autoattack.STAGES:
            raise unknown("attack of AutoAttack", self.stage, autoattack.STAGES)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.stage

    @property
    def black_box(self) -> bool:  # type: ignore[override]
        """Whether it asks for logits only."""
        return self.stage == "square"

    @property
    def unused(self) -> tuple[str, ...]:
        """Steps of Square, which has queries; queries of the others."""
        return ("steps",) if self.black_box else ("queries",)

    def __call__(self, target: Target) -> Result:
        return Result(
            autoattack.stage(
                self.stage,
                *target[:4],
                steps=self.steps,
                queries=self.queries,
                generator=target.generator,
            )
        )

    def __str__(self) -> str:
        return f"{self.stage}-{self.queries if self.black_box else self.steps} of autoattack"


@dataclass(frozen=True)
class AutoAttack(Settings):
    """All of AutoAttack in one go, for images that are to fool other networks too.

    AutoAttack returns an image it cannot fool its network with as it was; in its place comes the
    one of the largest cross-entropy that Auto-PGD finds.

    Attributes:
        version: ``standard``, or ``rand``, which is meant for networks that answer at random. A
            point counts as soon as one answer to it is wrong.
        steps: As of :func:`scratchticket.attacks.autoattack.stage`.
        queries: Of Square.
        draws: Of a random network for each gradient, with ``rand``.
    """

    version: Literal["standard", "rand"] = "standard"
    steps: int = 100
    queries: int = 5000
    draws: int = 20

    @property
    def name(self) -> str:
        """What it is called."""
        return "autoattack"

    @property
    def unused(self) -> tuple[str, ...]:
        """Draws of the standard version; queries of that for random networks."""
        return ("draws",) if self.version == "standard" else ("queries",)

    def __call__(self, target: Target) -> Result:
        network, images, labels, ball, generator = target
        standard = self.version == "standard"
        with torch.no_grad():
            resisted = network(images).argmax(dim=1) == labels
        found = apgd(
            network, images, labels, ball, steps=self.steps, keep="best", generator=generator
        )
        for name in autoattack.STAGES if standard else autoattack.RANDOM_STAGES:
            rows = resisted.nonzero().squeeze(1)
            if len(rows) == 0:
                break
            adversarial = autoattack.stage(
                name,
                network,
                images[rows],
                labels[rows],
                ball,
                steps=self.steps,
                queries=self.queries,
                draws=1 if standard else self.draws,
                generator=generator,
            )
            with torch.no_grad():
                fooled = network(adversarial).argmax(dim=1) != labels[rows]
            found[rows[fooled]] = adversarial[fooled]
            resisted[rows[fooled]] = False
        return Result(found, resisted=resisted)

    def __str__(self) -> str:
        kind = "" if self.version == "standard" else " rand"
        return f"{self.name}{kind}-{self.steps}"
