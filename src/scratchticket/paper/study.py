"""Parts shared by studies beyond the paper: rows of settings, and the jobs they describe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from scratchticket.runs.cost import forward_passes
from scratchticket.runs.recipe import stored_recipe
from scratchticket.sweeps.job import BESIDE, START, Job

Make = Callable[[int], Job]  # from seed to a job
Rows = Mapping[str, Settings]  # from the name of a row to the settings of its run
DRAW: Settings = {"task": "draw", "ratio": "0.1"}
TRAIN: Settings = {"task": "train"}
NATURAL, ROBUST, KEPT, SIZE = "natural", "PGD-20", "weights kept (10^3)", "size (kB)"


def weights_kept(record: Source) -> Measured:
    """Return the number of remaining weights, in thousands."""
    return Measured(of_kind(RunRecord, record).weights.kept / 1e3, 0)


def size(record: Source) -> Measured:
    """Return the size of a ticket's file in kilobytes."""
    return Measured(of_kind(RunRecord, record).bytes / 1e3, 0)


def search_cost(record: Source) -> Measured:
    """Return the number of forward passes of a search per training image."""
    return Measured(forward_passes(stored_recipe(of_kind(RunRecord, record).recipe)), 0)


def hours(record: Source) -> Measured:
    """Return the wall-clock hours of learning."""
    return Measured(of_kind(RunRecord, record).seconds["learning"] / 3600, 0)


ACCURACIES: dict[str, Read] = {NATURAL: natural, ROBUST: robust}
COLUMNS: dict[str, Read] = {**ACCURACIES, KEPT: weights_kept, SIZE: size}


def job_of(scale: Scale, rows: Rows, name: str, seed: int) -> Job:
    """Return the run that a row describes.

    Args:
        scale: Scale with the user's changes of settings.
        rows: All rows; their ``start.file`` and ``beside.files`` are names of other rows.
        name: Name of the row.
        seed: Seed of the run.
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
    """Return the cells of all rows, read from their runs."""
    for name in rows:
        runs: dict[int, Job] = {seed: job_of(scale, rows, name, seed) for seed in scale.seeds}
        for column, read in columns.items():
            yield level(scale, panel, name, runs.__getitem__, read, column=column)


def attack_settings(
    attacks: Sequence[Attack], epsilons: Sequence[str], l2: Sequence[str] = (), **more: Any
) -> Settings:
    """Return the settings of a job that evaluates a network under some attacks.

    Args:
        attacks: The attacks; stages of one AutoAttack must be adjacent.
        epsilons: Radii; warning signs are checked at the first one.
        l2: Radii of further l2 balls.
        more: Further settings, such as ``images``.
    """
    entries = [_attack_entry(attack) for attack in attacks]
    once = [entry for entry, _ in groupby(entries)]  # one entry for all stages of an AutoAttack
    return {"attacks": once, "epsilons": list(epsilons), "l2": list(l2), **more}


def _attack_entry(attack: Attack) -> Settings:
    """Return the entry of an attack in the settings of an evaluation."""
    method = attack.method
    where = {"norm": attack.norm, "epsilons": [attack.epsilon]} if attack.epsilon else {}
    if isinstance(method, Stage):
        return {"name": "autoattack", **where}
    name, given = key_of(method), attack.given
    usual = asdict(METHODS[name])  # type: ignore[call-overload]
    own = {key: value for key, value in asdict(given).items() if value != usual[key]}  # type: ignore[call-overload]
    return {"name": name, **where} | ({"settings": own} if own else {})


def worst_case(epsilon: str) -> Read:
    """Return the function that reads the accuracy in the worst case over all l-inf attacks."""

    def read(record: Source) -> Measured:
        cases = of_kind(EvaluationRecord, record).worst_cases
        return measured(next(c for c in cases if (c.norm, c.epsilon) == ("linf", epsilon)))

    return read


def evaluation_of(subject: Job, settings: Settings) -> Job:
    """Return the job that evaluates a run's network under attacks."""
    return Job("judge", settings, {"subject": subject}, f"attacks on {subject.label}")
