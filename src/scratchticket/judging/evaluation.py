"""The evaluation of one network: its plan and its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch

from scratchticket.attacks import Attack, Norm, Stage
from scratchticket.base import rng
from scratchticket.base.errors import InputError
from scratchticket.base.record import EvaluationRecord, Json
from scratchticket.data import Data, ImageSet
from scratchticket.evaluation import (
    QUICK_IMAGES,
    Balls,
    Evaluation,
    Journal,
    Progress,
    SuiteName,
    balls,
    default_batch_size,
    named,
    report,
    suite,
)
from scratchticket.judging.subject import Subject
from scratchticket.networks import placed
from scratchticket.pictures import figures
from scratchticket.runs.records import versions


@dataclass(frozen=True)
class EvaluationTask:
    """An evaluation of one network, as a task.

    Attributes:
        subject: The network.
        images: Images to evaluate on.
        source: Origin of the images, as JSON values.
        attacks: Attacks to evaluate under.
        where: Balls of the attacks.
        seed: Seed of all random draws.
        batch_size: Images per piece of work.
        suite: Name of the suite of attacks; None if they are not a suite.
        classes: Number of classes, for the chance level.
    """

    subject: Subject
    images: ImageSet
    source: dict[str, Any]
    attacks: Sequence[Attack]
    where: Balls
    seed: int = 0
    batch_size: int | None = None
    suite: str | None = None
    classes: int | None = None
    kind = EvaluationRecord

    def plan(self) -> dict[str, Any]:
        """Return everything that determines the result, as JSON values."""
        return {
            "format": 1,
            "subject": self.subject.description,
            "images": fingerprint(self.images),
            "suite": self.suite,
            "epsilons": list(self.where.epsilons),
            "l2 epsilons": list(self.where.euclidean),
            "seed": self.seed,
            "batch size": self.batch_size or default_batch_size(self.images),
            "attacks": [_planned(attack) for attack in self.attacks],
            "versions": {name: versions()[name] for name in ("scratchticket", "torch")},
        }

    def works(self, device: torch.device | str) -> list[Evaluation]:
        """Return the evaluation to run, with the network on a device."""
        return [
            Evaluation(
                placed(self.subject.network, device),
                self.images,
                self.attacks,
                seed=self.seed,
                batch_size=self.batch_size,
                checks=True,
            )
        ]

    def report(
        self, works: Sequence[Evaluation], journal: Journal, progress: Progress
    ) -> EvaluationRecord:
        """Return the record of the finished work."""
        evaluated = works[0].result(journal)
        assert evaluated is not None
        subject = self.subject.description
        return report(evaluated, self.where, self.classes, subject=subject, data=self.source)

    def picture(self, record: EvaluationRecord) -> str:
        """Return a plot of accuracy over epsilon, as SVG."""
        return figures.robustness(record)


def _planned(attack: Attack) -> Json:
    """Return an attack as stored in plans; a change would stop folders from being resumed."""
    name = "autoattack" if isinstance(attack.method, Stage) else attack.method.name
    return attack.facts() | {"title": attack.stream, "name": name}


def evaluation_task(  # noqa: PLR0913
    subject: Subject,
    data: Data,
    *,
    suite_name: SuiteName | None = None,
    attack: str = "pgd",
    settings: Mapping[str, Any] = MappingProxyType({}),
    epsilons: Sequence[str] = (),
    l2: Sequence[str] = (),
    norm: Norm | None = None,
    count: int | None = None,
    seed: int = 0,
    batch_size: int | None = None,
) -> EvaluationTask:
    """Return the task of evaluating one network, after checking the arguments.

    Args:
        subject: The network.
        data: Data set whose test images are used.
        suite_name: Name of a suite; None for a single attack.
        attack: Name of the attack; ``none`` for natural accuracy alone.
        settings: Settings of the attack.
        epsilons: Radii; if not given, the network's own epsilon for an attack, and 1, 1.5 and 2
            times that for a suite.
        l2: l2 radii of a suite; if not given, those that :func:`.balls` derives from the paper's.
        norm: Norm of the radii; if not given, the network's own.
        count: Number of test images; if not given, all, or 200 for ``quick``.
        seed: Seed of all random draws.
        batch_size: Images per piece of work.

    Raises:
        InputError: If an argument is invalid, or arguments contradict each other.
    """
    own = suite_name is None and norm in (None, subject.norm)
    radii = (subject.epsilon,) if own and not epsilons else epsilons
    where = balls_of(subject, data.shape, radii, norm, l2)
    classes = len(data.classes)
    if suite_name is not None:
        attacks = suite(suite_name, where, classes)
    elif attack == "none":
        attacks = ()
    else:
        attacks = named(attack, where, classes, settings)
        norms = {one.norm for one in attacks}
        if epsilons and where.norm not in norms:
            raise InputError(
                f"{attack} searches in {min(norms)} balls: give their radii with --l2-epsilon, or "
                "--epsilon and --norm l2"
            )
        if l2 and "l2" not in norms:
            raise InputError(f"--l2-epsilon is for attacks in l2 balls, but {attack} uses linf")
    if suite_name == "quick" and count is None:
        count = min(QUICK_IMAGES, len(data.test))
    return EvaluationTask(
        subject=subject,
        images=fixed_choice(data.test, count),
        source=data.judged,
        attacks=attacks,
        where=where,
        seed=rng.check_seed(seed),
        batch_size=batch_size,
        suite=suite_name,
        classes=classes,
    )


def balls_of(
    subject: Subject,
    shape: tuple[int, ...],
    epsilons: Sequence[str] = (),
    norm: Norm | None = None,
    l2: Sequence[str] = (),
) -> Balls:
    """Return the balls of attacks; by default, those of the network's own epsilon and norm.

    Raises:
        InputError: If a norm other than the network's is given without an epsilon.
    """
    if not epsilons and norm not in (None, subject.norm):
        raise InputError(f"--norm {norm} needs --epsilon; the network's own is in {subject.norm}")
    radii = {"epsilons": tuple(epsilons), "l2": tuple(l2)}
    return balls(subject.epsilon, norm or subject.norm, shape, **radii)


def fingerprint(images: ImageSet) -> Json:
    """Return JSON values that identify a set of images."""
    return {"total": len(images), "sha256": images.digest(labels=True)}


def fixed_choice(images: ImageSet, count: int | None) -> ImageSet:
    """Return a random subset of the images in their original order, the same at every call.

    Raises:
        InputError: If there are fewer than ``count`` images.
    """
    if count is None or count == len(images):
        return images
    if not 1 <= count <= len(images):
        raise InputError(
            f"--images must be from 1 to {len(images)}, the number of test images, got {count}"
        )
    return images[rng.permutation(len(images), 0, "evaluation")[:count].sort().values]
