"""AutoAttack (Croce and Hein, 2020, arXiv:2003.01690), by its authors' own code.

The four attacks of its standard version are called one by one, so that a run of them can be
resumed, watched and shared among machines; what the original calls afterwards (its state file, its
choice of images) is not used. Its side effects are undone: it seeds PyTorch's global generators,
removes the trace function of debuggers and coverage, and counts in globals that it never resets.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from scratchticket.attacks.apgd import apgd
from scratchticket.attacks.balls import Ball, LinfBall
from scratchticket.attacks.gradient import Network, frozen
from scratchticket.attacks.method import Result, Settings, Target
from scratchticket.base.errors import InputError, extra_missing, unknown

StageName = Literal["apgd-ce", "apgd-t", "fab-t", "square"]
STAGES: tuple[StageName, ...] = get_args(StageName)  # in the order of the standard version
RandomStage = Literal["apgd-ce", "apgd-dlr"]
RANDOM_STAGES: tuple[RandomStage, ...] = get_args(RandomStage)  # of the one for random networks
TARGETS = 9  # classes that apgd-t and fab-t aim at, at most


def stage(  # noqa: PLR0913
    name: StageName | RandomStage,
    network: Network,
    images: Tensor,
    labels: Tensor,
    ball: Ball,
    *,
    steps: int = 100,
    queries: int = 5000,
    draws: int = 1,
    generator: torch.Generator,
) -> Tensor:
    """Run one attack of AutoAttack.

    Args:
        name: ``apgd-ce``, ``apgd-t``, ``fab-t`` or ``square`` of the standard version; ``apgd-ce``
            or ``apgd-dlr`` of the one for random networks.
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``, those the network gives the images.
        ball: Where the adversarial images may lie.
        steps: Steps of ``apgd-ce``; per class, of ``apgd-t`` and ``fab-t``.
        queries: Budget of ``square`` per image.
        draws: How often ``apgd-ce`` and ``apgd-dlr`` ask a random network for each gradient.
        generator: Gives the attack its seed.

    Returns:
        Adversarial images; of an image that is not fooled, the image itself.

    Raises:
        InputError: If pyautoattack is not installed, or there are fewer classes than an attack
            needs.
    """
    auto_pgd, fab, square = library()
    with torch.no_grad():
        classes = network(images[:1]).shape[1]
    if name == "apgd-t" and classes < 4:
        raise InputError(f"AutoAttack's apgd-t needs at least 4 classes, got {classes}")
    common = settings(ball, images, generator)
    targets, logger = min(TARGETS, classes - 1), logging.getLogger("auto-attack")
    with undone(), frozen(network):
        if name == "square":
            attack = square(
                network, n_queries=queries, p_init=0.8, resc_schedule=False, n_restarts=1, **common
            )
        elif name == "fab-t":
            attack = fab(network, n_restarts=1, n_iter=steps, **common)
            attack.targeted, attack.n_target_classes = True, targets
        elif name == "apgd-t":
            attack = auto_pgd.APGDAttack_targeted(
                network,
                n_restarts=1,
                n_iter=steps,
                n_target_classes=targets,
                logger=logger,
                **common,
            )
        else:
            attack = auto_pgd.APGDAttack(
                network,
                n_restarts=1,
                n_iter=steps,
                loss=name.removeprefix("apgd-"),
                eot_iter=draws,
                logger=logger,
                **common,
            )
        with torch.no_grad():
            adversarial: Tensor = attack.perturb(images.contiguous(), labels)
    return adversarial.detach()


def settings(ball: Ball, images: Tensor, generator: torch.Generator) -> dict[str, Any]:
    """Return what every attack of the library is told; the generator gives its seed."""
    return {
        "norm": "Linf" if isinstance(ball, LinfBall) else "L2",
        "eps": ball.epsilon,
        "seed": int(torch.randint(2**31, (1,), generator=generator, device=generator.device)),
        "device": images.device,
        "verbose": False,
    }


def flags(network: Network, images: Tensor, labels: Tensor) -> list[str]:
    """Return what AutoAttack's own checks say of a network, in its words.

    They tell of networks that its standard version is not made for: a random one, one that
    differentiates while it predicts, one that returns probabilities, one of too few classes.

    Args:
        network: Pixels in [0, 1] to logits.
        images: Some images.
        labels: Theirs.
    """
    library()
    from pyautoattack import checks

    with undone(), heard() as warnings:
        logger = logging.getLogger("auto-attack")
        checks.check_randomized(network, images, labels, bs=len(images), logger=logger)
        classes = checks.check_range_output(network, images, logger=logger)
        checks.check_dynamic(network, images, False, logger=logger)
        targets = min(TARGETS, classes - 1)
        checks.check_n_classes(classes, list(STAGES), targets, targets, logger=logger)
    return warnings


@contextmanager
def undone() -> Iterator[None]:
    """Put back what AutoAttack changes: global generators, the trace function, its counters."""
    from pyautoattack import checks

    trace, counted = sys.gettrace(), dict(checks.funcs)
    with torch.random.fork_rng():
        try:
            yield
        finally:
            checks.funcs.update(counted)
            sys.settrace(trace)


@contextmanager
def heard() -> Iterator[list[str]]:
    """Collect what AutoAttack warns of."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, listener = logging.getLogger("auto-attack"), Listener(logging.WARNING)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(listener)
    try:
        yield said
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagate


def library() -> tuple[Any, Callable[..., Any], Callable[..., Any]]:
    """Return the attacks of pyautoattack.

    Raises:
        InputError: If it is not installed.
    """
    try:
        from pyautoattack import autopgd_base, fab_pt, square
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing("AutoAttack", error, "autoattack") from None
    return autopgd_base, fab_pt.FABAttack_PT, square.SquareAttack


@dataclass(frozen=True)
class Stage(Settings):
    """One attack of AutoAttack's standard version, by its authors' code.

    Attributes:
        stage: ``apgd-ce``, ``apgd-t``, ``fab-t`` or ``square``.
        steps: As of :func:`stage`.
        queries: Budget of ``square``.
    """

    stage: StageName = "square"
    steps: int = 100
    queries: int = 5000
    learns: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stage not in STAGES:
            raise unknown("attack of AutoAttack", self.stage, STAGES)

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
            stage(
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
        steps: As of :func:`stage`.
        queries: Of Square.
        draws: Of a random network for each gradient, with ``rand``.
    """

    version: Literal["standard", "rand"] = "standard"
    steps: int = 100
    queries: int = 5000
    draws: int = 20
    learns: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """What it is called."""
        return "autoattack"

    @property
    def unused(self) -> tuple[str, ...]:
        """Draws of the standard version; queries of that for random networks."""
        return ("draws",) if self.version == "standard" else ("queries",)

    def __call__(self, target: Target) -> Result:
        network, images, labels, ball, generator = target[:5]
        standard = self.version == "standard"
        with torch.no_grad():
            resisted = network(images).argmax(dim=1) == labels
        found = apgd(
            network, images, labels, ball, steps=self.steps, keep="best", generator=generator
        )
        for name in STAGES if standard else RANDOM_STAGES:
            rows = resisted.nonzero().squeeze(1)
            if len(rows) == 0:
                break
            adversarial = stage(
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
