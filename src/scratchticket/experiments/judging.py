"""An evaluation, from a plan to a record: resumable, shareable, with a picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from scratchticket import rng
from scratchticket.attacks import Attack, Norm
from scratchticket.data import Data, ImageSet
from scratchticket.errors import InputError
from scratchticket.evaluation import (
    BATCH_SIZE,
    QUICK_IMAGES,
    Balls,
    Evaluation,
    Journal,
    Shard,
    SuiteName,
    balls,
    named,
    report,
    suite,
)
from scratchticket.experiments import figures
from scratchticket.experiments.folder import json_file
from scratchticket.experiments.records import commit, machine, versions
from scratchticket.experiments.subject import Subject
from scratchticket.files import write_atomically
from scratchticket.networks import placed


@dataclass(frozen=True)
class EvaluationFolder:
    """The files of an evaluation.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def record(self) -> Path:
        """Numbers; there once the evaluation is finished."""
        return self.path / "record.json"

    @property
    def curves(self) -> Path:
        """Accuracy against epsilon."""
        return self.path / "accuracy.svg"

    def journal(self, shard: Shard) -> Path:
        """What one process has found so far."""
        share = "" if shard.count == 1 else f"-{shard.index}-of-{shard.count}"
        return self.path / f"journal{share}.jsonl"

    def journals(self) -> list[Path]:
        """Return the journals that are there."""
        return sorted(self.path.glob("journal*.jsonl"))

    def prepare(self, overwrite: bool) -> None:
        """Make the folder, and with ``overwrite`` remove what an evaluation left there.

        Raises:
            InputError: If that cannot be done.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for file in [self.record, *self.journals(), self.curves] if overwrite else []:
                file.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"cannot use folder {self.path}: {error.strerror}") from None


@dataclass(frozen=True)
class Judgement:
    """What to do.

    Attributes:
        subject: Who is judged.
        images: On which images.
        source: Where they come from, as JSON values.
        attacks: By which attacks.
        where: In which balls.
        seed: Of all random draws.
        batch_size: Images per piece of work.
        suite: Name of the suite, if it is one.
    """

    subject: Subject
    images: ImageSet
    source: dict[str, Any]
    attacks: Sequence[Attack]
    where: Balls
    seed: int = 0
    batch_size: int = BATCH_SIZE
    suite: str | None = None

    def plan(self) -> dict[str, Any]:
        """Return everything that decides a result, as JSON values."""
        digest = sha256(self.images.images.contiguous().cpu().numpy().tobytes())
        digest.update(self.images.labels.cpu().numpy().tobytes())
        return {
            "format": 1,
            "subject": self.subject.facts,
            "images": {"total": len(self.images), "sha256": digest.hexdigest()},
            "suite": self.suite,
            "epsilons": list(self.where.epsilons),
            "l2 epsilons": list(self.where.euclidean),
            "seed": self.seed,
            "batch size": self.batch_size,
            "attacks": [attack.facts() for attack in self.attacks],
            "versions": {name: versions()[name] for name in ("scratchticket", "torch")},
        }


def judgement(  # noqa: PLR0913
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
    batch_size: int = BATCH_SIZE,
) -> Judgement:
    """Work out what to do, checking it.

    Args:
        subject: Who is judged.
        data: On whose test images.
        suite_name: Which suite; without one, a single attack.
        attack: Its name; ``none`` for natural accuracy alone.
        settings: Of the attack.
        epsilons: Radii; if not given, of a suite 1, 1.5 and 2 times the one the subject was made
            for, of an attack that one.
        l2: Euclidean radii of a suite; if not given, the paper's, scaled.
        norm: Of the radii; if not given, the one the subject was made for.
        count: How many test images; if not given all, or 200 for ``quick``.
        seed: Of all random draws.
        batch_size: Images per piece of work.

    Raises:
        InputError: If anything of it cannot be.
    """
    if not epsilons and norm not in (None, subject.norm):
        raise InputError(f"--norm {norm} needs --epsilon")
    if suite_name is None and not epsilons:
        epsilons = (subject.epsilon,)
    where = balls(
        subject.epsilon,
        norm or subject.norm,
        data.shape,
        epsilons=tuple(epsilons),
        l2=tuple(l2),
    )
    classes = len(data.classes)
    if suite_name is not None:
        attacks = suite(suite_name, where, classes)
    elif attack == "none":
        attacks = ()
    else:
        attacks = named(attack, where, classes, settings)
    if suite_name == "quick" and count is None:
        count = min(QUICK_IMAGES, len(data.test))
    return Judgement(
        subject=subject,
        images=some_of(data.test, count),
        source={"name": Path(data.name).name, "part": "test", "of": len(data.test)},
        attacks=attacks,
        where=where,
        seed=rng.check_seed(seed),
        batch_size=batch_size,
        suite=suite_name,
    )


def some_of(images: ImageSet, count: int | None) -> ImageSet:
    """Return so many of the images, the same at every call: a random choice in their old order.

    Raises:
        InputError: If there are not so many.
    """
    if count is None or count == len(images):
        return images
    if not 1 <= count <= len(images):
        raise InputError(f"there are {len(images)} test images, got --images {count}")
    return images[rng.permutation(len(images), 0, "evaluation")[:count].sort().values]


def judge(  # noqa: PLR0913
    task: Judgement,
    *,
    folder: Path | None = None,
    shard: Shard = Shard(),
    overwrite: bool = False,
    device: torch.device | str = "cpu",
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> dict[str, Any] | None:
    """Carry out an evaluation; in a folder, from where it was left.

    Args:
        task: What to do.
        folder: Where to keep what is found; nothing is kept if not given.
        shard: Which share of the work is this process's.
        overwrite: Begin anew.
        device: Where to compute.
        progress: Called after each piece of work: attack, pieces done, pieces in all.

    Returns:
        The record, once all shards are done; None before.

    Raises:
        InputError: If the folder holds another evaluation.
    """
    plan = task.plan()
    evaluation = Evaluation(
        placed(task.subject.network, device),
        task.images,
        task.attacks,
        seed=task.seed,
        batch_size=task.batch_size,
        checks=True,
    )
    if folder is None:
        journal = Journal(plan)
        evaluation.run(journal, shard, progress)
        return _record(task, evaluation, journal, device)
    home = EvaluationFolder(folder)
    home.prepare(overwrite)
    try:
        journal = Journal(plan, home.journal(shard), home.journals())
    except InputError as error:
        raise InputError(f"{error}; use --overwrite or another --out") from None
    try:
        if (finished := _finished(home, plan)) is not None:
            return finished
        evaluation.run(journal, shard, progress)
        journal.read(home.journals())  # others may have finished meanwhile
        record = _record(task, evaluation, journal, device)
        if record is not None:
            write_atomically(home.curves, figures.robustness(record))
            write_atomically(home.record, json.dumps(record, indent=2) + "\n")
        return record
    finally:
        journal.close()


def _finished(home: EvaluationFolder, plan: dict[str, Any]) -> dict[str, Any] | None:
    """Return the record of an evaluation that was finished earlier."""
    if not home.record.exists():
        return None
    record = json_file(home.record)
    return record if record.get("plan") == json.loads(json.dumps(plan)) else None


def _record(
    task: Judgement, evaluation: Evaluation, journal: Journal, device: torch.device | str
) -> dict[str, Any] | None:
    evaluated = evaluation.result(journal)
    if evaluated is None:
        return None
    return {
        "format": 1,
        "kind": "evaluation",
        "subject": task.subject.facts,
        "data": task.source,
        **report(evaluated, task.where),
        "plan": task.plan(),
        "machine": machine(device),
        "versions": versions(),
        "commit": commit(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
