"""What studies beyond the paper share: rows of settings, which may start from one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from scratchticket.attacks import Attack, Stage
from scratchticket.attacks.registry import METHODS, key_of
from scratchticket.base.record import EvaluationRecord, RunRecord
from scratchticket.paper.cells import (
    Cell,
    Measured,
    Read,
    Source,
    level,
    measured,
    natural,
    of_kind,
    robust,
)
from scratchticket.paper.scale import Scale, Settings
from scratchticket.sweeps.job import BESIDE, START, Job

Rows = Mapping[str, Settings]  # name of a row to its settings
DRAW: Settings = {"task": "draw", "ratio": "0.1"}
TRAIN: Settings = {"task": "train"}
NATURAL, ROBUST, KEPT, SIZE = "natural", "PGD-20", "weights kept (10^3)", "size (kB)"


def kept(record: Source) -> Measured:
    """Return how many thousand weights remain."""
    return Measured(of_kind(RunRecord, record).weights.kept / 1e3, 0)


def size(record: Source) -> Measured:
    """Return the size of a ticket's file in kilobytes."""
    return Measured(of_kind(RunRecord, record).bytes / 1e3, 0)


ACCURACIES: dict[str, Read] = {NATURAL: natural, ROBUST: robust}
COLUMNS: dict[str, Read] = {**ACCURACIES, KEPT: kept, SIZE: size}


def job_of(scale: Scale, rows: Rows, name: str, seed: int) -> Job:
    """Return the run of a row.

    Args:
        scale: Has the user's changes.
        rows: ``start.file`` and ``beside.files`` are names of other rows.
        name: Of the row.
        seed: Of the run.
    """
    settings = dict(rows[name])
    start, others = settings.pop("start.file", None), settings.pop("beside.files", ())
    needs: dict[str, Job] = {}
    if start is not None:
        needs[START] = job_of(scale, rows, start, seed)
        settings = {p: v for p, v in settings.items() if not p.startswith("network.")}
    needs |= {f"{BESIDE} {other}": job_of(scale, rows, other, seed) for other in others}
    return Job("run", settings | {"seed": seed} | scale.changes, needs, name)


def row_cells(
    scale: Scale, panel: str, rows: Rows, columns: Mapping[str, Read] = COLUMNS
) -> Iterator[Cell]:
    """Return what is read from the runs of all rows."""
    for name in rows:
        made: dict[int, Job] = {seed: job_of(scale, rows, name, seed) for seed in scale.seeds}
        for column, read in columns.items():
            yield level(scale, panel, name, made.__getitem__, read, column=column)


def judged_by(
    attacks: Sequence[Attack], epsilons: Sequence[str], l2: Sequence[str] = (), **more: Any
) -> Settings:
    """Return the settings of a judgement by these attacks.

    Args:
        attacks: AutoAttack's stages one after the other.
        epsilons: The first is the one that the warning signs are about.
        l2: Euclidean radii.
        more: ``images``.
    """
    told = [_told(attack) for attack in attacks]
    once = [entry for entry, _ in groupby(told)]
    return {"attacks": once, "epsilons": list(epsilons), "l2": list(l2), **more}


def _told(attack: Attack) -> Settings:
    """Return an attack as a judgement's settings name it."""
    method = attack.method
    where = {"norm": attack.norm, "epsilons": [attack.epsilon]} if attack.epsilon else {}
    if isinstance(method, Stage):
        return {"name": "autoattack", **where}
    name, given = key_of(method), attack.given
    usual = asdict(METHODS[name])  # type: ignore[call-overload]
    own = {key: value for key, value in asdict(given).items() if value != usual[key]}  # type: ignore[call-overload]
    return {"name": name, **where} | ({"settings": own} if own else {})


def worst_case(epsilon: str) -> Read:
    """Return what reads how many images no attack at an epsilon fooled, from a judgement."""

    def read(record: Source) -> Measured:
        cases = of_kind(EvaluationRecord, record).worst_cases
        return measured(next(c for c in cases if (c.norm, c.epsilon) == ("linf", epsilon)))

    return read


def judgement(subject: Job, settings: Settings) -> Job:
    """Return the judgement of what a run made."""
    return Job("judge", settings, {"subject": subject}, f"attacks on {subject.label}")
