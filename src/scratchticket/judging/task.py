"""Execution of an evaluation, from plan to record: resumable and shareable among processes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

import torch

from scratchticket.base.errors import Busy, InputError, Unwritable
from scratchticket.base.files import check_writable, write_atomically
from scratchticket.base.record import (
    AttackFacts,
    Ball,
    EvaluationRecord,
    Json,
    SwitchRecord,
    SwitchReport,
    TransferRecord,
    read_as,
    to_json,
)
from scratchticket.evaluation import Journal, Progress, Shard, Work
from scratchticket.evaluation.transfer import SET
from scratchticket.runs.folder import RunFolder, json_file
from scratchticket.runs.records import commit, machine, versions

W = TypeVar("W", bound=Work)
R = TypeVar("R", EvaluationRecord, TransferRecord, SwitchRecord)


@dataclass(frozen=True)
class EvaluationFolder:
    """The files of an evaluation in the folder ``path``."""

    path: Path

    @property
    def record(self) -> Path:
        """The record, written when the evaluation is finished."""
        return self.path / "record.json"

    @property
    def picture(self) -> Path:
        """The plot of the record."""
        return self.path / "accuracy.svg"

    def journal(self, shard: Shard) -> Path:
        """Return the journal file of one process."""
        share = "" if shard.count == 1 else f"-{shard.index}-of-{shard.count}"
        return self.path / f"journal{share}.jsonl"

    def journals(self) -> list[Path]:
        """Return all journals in the folder."""
        return sorted(self.path.glob("journal*.jsonl"))

    def prepare(self, overwrite: bool) -> None:
        """Make the folder; with ``overwrite``, remove an earlier evaluation.

        Raises:
            InputError: If the folder holds a draw or a training.
            Unwritable: If the folder cannot be used.
        """
        if RunFolder(self.path, "draw").recipe.exists():
            raise InputError(f"{self.path} holds a draw or a training; choose another --out")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for file in [self.record, *self.journals(), self.picture] if overwrite else []:
                file.unlink(missing_ok=True)
        except OSError as error:
            raise Unwritable(f"cannot use folder {self.path}: {error.strerror}") from None


class Task(Protocol[W, R]):
    """An evaluation of one or more networks."""

    @property
    def kind(self) -> type[R]:
        """Class of the record."""

    def plan(self) -> Json:
        """Return everything that determines the result, as JSON values."""

    def works(self, device: torch.device | str) -> Sequence[W]:
        """Return the evaluations to run, with the networks on a device."""

    def report(self, works: Sequence[W], journal: Journal, progress: Progress) -> R:
        """Return the record of the finished work, without plan, machine, versions and date."""

    def picture(self, record: R) -> str:
        """Return a plot of the record, as SVG."""


def carry_out(  # noqa: PLR0913
    task: Task[W, R],
    *,
    folder: Path | None = None,
    shard: Shard = Shard(),
    overwrite: bool = False,
    device: torch.device | str = "cpu",
    progress: Progress = lambda name, done, total: None,
) -> R | None:
    """Run an evaluation, or resume the one in ``folder``.

    Args:
        task: The evaluation.
        folder: Folder for journal and record; nothing is written if not given.
        shard: This process's share of the work.
        overwrite: Remove an earlier evaluation and start again.
        device: Where to compute.
        progress: Called after each piece with its name, the number of pieces done, and the number
            of all pieces.

    Returns:
        The record once all shards are done; None before.

    Raises:
        OtherEvaluation: If the folder holds another evaluation.
        Busy: If another process is writing the journal.
        InputError: If the folder holds a draw or a training, or ``overwrite`` would remove the
            results of other shards.
    """
    if overwrite and shard.count > 1:
        raise InputError(
            "--overwrite would remove the results of other shards; remove the folder instead"
        )
    plan, works = task.plan(), task.works(device)  # may raise; no file has changed yet
    if torch.are_deterministic_algorithms_enabled():
        plan = {**plan, "deterministic": True}  # pieces with and without it must not be mixed
    if folder is None:
        journal = Journal(plan)
        _run(works, journal, shard, progress)
        return _record(task, works, plan, journal, device, progress)
    home = EvaluationFolder(folder)
    home.prepare(overwrite)
    check_writable(home.record)
    try:
        journal = Journal(plan, home.journal(shard), home.journals())
    except (Busy, Unwritable):
        raise
    except InputError as error:
        raise type(error)(f"{error}; use --overwrite or another --out") from None
    try:
        if (finished := _finished(home, plan, task.kind)) is not None:
            return finished
        _run(works, journal, shard, progress)
        journal.read(home.journals())  # other processes may have finished meanwhile
        record = _record(task, works, plan, journal, device, progress)
        if record is not None:
            write_atomically(home.picture, task.picture(record))
            text = json.dumps(to_json(record), indent=2, allow_nan=False)
            write_atomically(home.record, text + "\n")
        return record
    finally:
        journal.close()


def _finished(home: EvaluationFolder, plan: Json, kind: type[R]) -> R | None:
    """Return the record of a task that was finished earlier; None if it must be rebuilt."""
    if not home.record.exists():
        return None
    stored = json_file(home.record)
    if stored.get("plan") != json.loads(json.dumps(plan)):
        return None
    record = read_as(kind, stored, home.record)
    return record if all_attacked(record) else None


def all_attacked(record: EvaluationRecord | TransferRecord | SwitchRecord) -> bool:
    """Whether every worst case of a record includes attacks at its own epsilon.

    For a switch, every member and the set must have been attacked at that epsilon. Earlier versions
    wrote worst cases at larger epsilons that only repeat the one at a smaller epsilon.
    """
    if isinstance(record, EvaluationRecord):
        return all(
            any(_in_ball(row, case) for row in record.attacks) for case in record.worst_cases
        )
    if isinstance(record, TransferRecord):
        return True
    return all(_members_attacked(one) for one in (record, record.dense) if one is not None)


def _members_attacked(report: SwitchRecord | SwitchReport) -> bool:
    """Whether every member and the set were attacked in the ball of every worst case."""
    sources = {member.name for member in report.members} | {SET}
    return all(
        sources <= {row.source for row in report.attacks if _in_ball(row, case)}
        for case in report.worst_cases
    )


def _in_ball(row: AttackFacts, case: Ball) -> bool:
    """Whether an attack searched in exactly this ball, or at any distance."""
    return row.norm == case.norm and row.epsilon in (case.epsilon, None)


def _run(works: Sequence[W], journal: Journal, shard: Shard, progress: Progress) -> None:
    """Do this process's share of the work."""
    for work in works:
        work.run(journal, shard, progress)


def _record(  # noqa: PLR0917
    task: Task[W, R],
    works: Sequence[W],
    plan: Json,
    journal: Journal,
    device: torch.device | str,
    progress: Progress,
) -> R | None:
    """Return the record; None until all shards are done."""
    if not all(work.finished(journal) for work in works):
        return None
    report = task.report(works, journal, progress)
    made = {
        "plan": plan,
        "machine": machine(device),
        "versions": versions(),
        "commit": commit(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return report.model_copy(update=made)
