"""AutoAttack (Croce and Hein, 2020, arXiv:2003.01690), run with its authors' code.

The four attacks of the standard version are called one by one, so that an evaluation can be
resumed, monitored and split over machines; AutoAttack's state file and loop over images are not
used. AutoAttack seeds PyTorch's global generators, removes the trace function of debuggers and
coverage tools, and counts calls in globals that it never resets; these side effects are undone.
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
RANDOM_STAGES: tuple[RandomStage, ...] = get_args(RandomStage)  # attacks of the version rand
CLASSES_NEEDED = {"apgd-t": 4, "apgd-dlr": 3}  # by the difference of logits ratio
TARGETS = 9  # apgd-t and fab-t target at most this many classes


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
            or ``apgd-dlr`` of the version for randomised networks.
        network: Pixels in [0, 1] to logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``, classified correctly.
        labels: int64, ``(batch,)``.
        ball: Threat model, the ball around each image.
        steps: Steps of every attack but ``square``; per target class of ``apgd-t`` and ``fab-t``.
        queries: Query budget of ``square`` per image.
        draws: Forward passes averaged per gradient of ``apgd-ce`` and ``apgd-dlr`` (EOT).
        generator: Draws the attack's seed.

    Returns:
        Adversarial images; the image itself where the attack fails.

    Raises:
        InputError: If pyautoattack is not installed, or there are fewer classes than an attack
            needs.
    """
    auto_pgd, fab, square = library()
    with torch.no_grad():
        classes = network(images[:1]).shape[1]
    needed = CLASSES_NEEDED.get(name, 2)
    if classes < needed:
        raise InputError(f"AutoAttack's {name} needs at least {needed} classes, got {classes}")
    common = common_arguments(ball, images, generator)
    targets, logger = min(TARGETS, classes - 1), logging.getLogger("auto-attack")
    with restored_globals(), frozen(network):
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


def common_arguments(ball: Ball, images: Tensor, generator: torch.Generator) -> dict[str, Any]:
    """Return the arguments common to all attacks of pyautoattack; the generator draws the seed."""
    return {
        "norm": "Linf" if isinstance(ball, LinfBall) else "L2",
        "eps": ball.epsilon,
        "seed": int(torch.randint(2**31, (1,), generator=generator, device=generator.device)),
        "device": images.device,
        "verbose": False,
    }


def flags(network: Network, images: Tensor, labels: Tensor) -> list[str]:
    """Return the warnings of AutoAttack's own checks of a network.

    They flag networks unsuited to its standard version: those that are randomised, compute
    gradients in the forward pass, return probabilities, or have too few classes.

    Args:
        network: Pixels in [0, 1] to logits.
        images: Images to check with.
        labels: Labels of the images.
    """
    library()
    from pyautoattack import checks

    with restored_globals(), collected_warnings() as warnings:
        logger = logging.getLogger("auto-attack")
        checks.check_randomized(network, images, labels, bs=len(images), logger=logger)
        classes = checks.check_range_output(network, images, logger=logger)
        checks.check_dynamic(network, images, False, logger=logger)
        targets = min(TARGETS, classes - 1)
        checks.check_n_classes(classes, list(STAGES), targets, targets, logger=logger)
    return warnings


@contextmanager
def restored_globals() -> Iterator[None]:
    """Restore the global generators, trace function and counters that AutoAttack changes."""
    from pyautoattack import checks

    trace, counted = sys.gettrace(), dict(checks.funcs)
    with torch.random.fork_rng():
        try:
            yield
        finally:
            checks.funcs.update(counted)
            sys.settrace(trace)


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collect AutoAttack's warnings."""
    messages: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger, listener = logging.getLogger("auto-attack"), Listener(logging.WARNING)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(listener)
    try:
        yield messages
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagate


def library() -> tuple[Any, Callable[..., Any], Callable[..., Any]]:
    """Return pyautoattack's APGD module and its FAB and Square classes.

    Raises:
        InputError: If pyautoattack is not installed.
    """
    try:
        from pyautoattack import autopgd_base, fab_pt, square
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing("AutoAttack", error, "autoattack") from None
    return autopgd_base, fab_pt.FABAttack_PT, square.SquareAttack


@dataclass(frozen=True)
class Stage(Settings):
    """One attack of AutoAttack's standard version, run with its authors' code.

    Attributes:
        stage: ``apgd-ce``, ``apgd-t``, ``fab-t`` or ``square``.
        steps: As for :func:`stage`.
        queries: Query budget of ``square``.
    """

    stage: StageName = "square"
    steps: int = 100
    queries: int = 5000
    for_learning: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stage not in STAGES:
            raise unknown("attack of AutoAttack", self.stage, STAGES)

    @property
    def name(self) -> str:
        """Name in titles and records."""
        return self.stage

    @property
    def black_box(self) -> bool:  # type: ignore[override]
        """Whether the attack uses logits only, no gradients."""
        return self.stage == "square"

    @property
    def unused(self) -> tuple[str, ...]:
        """Settings without effect: ``steps`` in Square, ``queries`` in every other attack."""
        return ("steps",) if self.black_box else ("queries",)

    @property
    def least_classes(self) -> int:
        """Smallest number of classes that the attack works with."""
        return CLASSES_NEEDED.get(self.stage, 2)

    @property
    def passes(self) -> int:
        """Square's query budget; for other attacks, two passes per step and target class."""
        targets = TARGETS if self.stage.endswith("-t") else 1
        return self.queries if self.black_box else 2 * self.steps * targets

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
    """All attacks of AutoAttack in sequence, to make images that are evaluated on other networks.

    Where every attack fails, AutoAttack returns the image unchanged; this class returns Auto-PGD's
    iterate with the largest cross-entropy.

    Attributes:
        version: ``standard``, or ``rand`` for randomised networks. In both, one wrong prediction
            is a success, even if the network would be right in another draw.
        steps: As for :func:`stage`.
        queries: Query budget of Square.
        draws: Forward passes averaged per gradient, in ``rand`` only.
    """

    version: Literal["standard", "rand"] = "standard"
    steps: int = 100
    queries: int = 5000
    draws: int = 20
    for_learning: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Name in titles and records."""
        return "autoattack"

    @property
    def unused(self) -> tuple[str, ...]:
        """Settings without effect: ``draws`` in ``standard``, ``queries`` in ``rand``."""
        return ("draws",) if self.version == "standard" else ("queries",)

    @property
    def stages(self) -> tuple[StageName | RandomStage, ...]:
        """The attacks of the version, in their order."""
        return STAGES if self.version == "standard" else RANDOM_STAGES

    @property
    def least_classes(self) -> int:
        """Smallest number of classes that all attacks of the version work with."""
        return max(CLASSES_NEEDED.get(name, 2) for name in self.stages)

    @property
    def passes(self) -> int:
        """Passes of all stages and of the Auto-PGD run before them."""
        own = 2 * self.steps
        if self.version == "rand":
            return own * (1 + len(RANDOM_STAGES) * self.draws)
        return own + sum(Stage(name, self.steps, self.queries).passes for name in STAGES)

    def __call__(self, target: Target) -> Result:
        network, images, labels, ball, generator = target[:5]
        standard = self.version == "standard"
        with torch.no_grad():
            resisted = network(images).argmax(dim=1) == labels
        result = apgd(
            network, images, labels, ball, steps=self.steps, keep="best", generator=generator
        )
        for name in self.stages:
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
            result[rows[fooled]] = adversarial[fooled]
            resisted[rows[fooled]] = False
        return Result(result, resisted=resisted)

    def __str__(self) -> str:
        kind = "" if self.version == "standard" else " rand"
        return f"{self.name}{kind}-{self.steps}"
