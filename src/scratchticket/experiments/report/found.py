"""What was found for a recipe: its cells filled in from records, its claims judged."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scratchticket.accuracy import wilson
from scratchticket.errors import InputError
from scratchticket.experiments.recipes import PaperRecipe, Scale
from scratchticket.experiments.recipes.cells import Cell, Measured
from scratchticket.experiments.recipes.claims import Judged
from scratchticket.experiments.sweeps import Job, Store
from scratchticket.files import read_bytes, write_atomically

Facts = dict[str, Any]


@dataclass(frozen=True)
class Records:
    """Records of finished jobs, whether from a store or from a file.

    Attributes:
        by_id: Job id to what the job is, how long it took, and its record.
    """

    by_id: Mapping[str, Facts]

    @staticmethod
    def of(store: Store, jobs: Sequence[Job]) -> Records:
        """Read the finished ones of some jobs from a store; damaged records count as missing."""
        known = {}
        for job in jobs:
            if store.state(job) != "finished" or (record := store.record(job)) is None:
                continue
            known[job.id] = {
                "job": {**job.json(), "label": job.label},
                "seconds": store.spent(job),
                "record": record,
            }
        return Records(known)

    @staticmethod
    def load(path: Path) -> Records:
        """Read a file that :meth:`save` has written.

        Raises:
            InputError: If it is none.
        """
        known = {}
        for number, line in enumerate(read_bytes(path, "records").splitlines(), start=1):
            try:
                read = json.loads(line)
                known[read.pop("id")] = read
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise InputError(f"{path}: line {number} is no record of a job") from None
        return Records(known)

    def save(self, path: Path) -> None:
        """Write one JSON line per job."""
        lines = [json.dumps({"id": name} | facts) + "\n" for name, facts in self.by_id.items()]
        write_atomically(path, "".join(lines))

    def record(self, job: Job) -> Facts | None:
        """Return the record of a job; none if it is missing."""
        facts = self.by_id.get(job.id)
        return None if facts is None else facts["record"]


@dataclass(frozen=True)
class Filled:
    """A cell with its numbers.

    Attributes:
        cell: What it is.
        values: One for every seed that is done.
    """

    cell: Cell
    values: tuple[Measured, ...]

    @property
    def mean(self) -> float | None:
        """Over the seeds; none if nothing is done."""
        return mean(value.value for value in self.values) if self.values else None

    @property
    def fraction(self) -> bool:
        """Whether it is a fraction of test images, to be shown in percent."""
        return not self.values or self.values[0].images > 0

    def text(self) -> str:
        """Return it as a table shows it: percent, with its spread over seeds."""
        if self.mean is None:
            return "–"
        if not self.fraction:
            return f"{self.mean:.3f}"
        spread = f" ± {100 * stdev(v.value for v in self.values):.1f}" if self.values[1:] else ""
        return f"{100 * self.mean:.1f}{spread}"

    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % interval that the number of test images gives the mean, in percent."""
        if self.mean is None or not self.fraction:
            return None
        low, high = wilson(self.mean, self.values[0].images)
        return 100 * low, 100 * high


@dataclass(frozen=True)
class Found:
    """Everything that was found for a recipe at a scale.

    Attributes:
        recipe: The table or figure.
        scale: How large.
        cells: Its numbers.
        claims: With their verdicts.
    """

    recipe: PaperRecipe
    scale: Scale
    cells: tuple[Filled, ...]
    claims: tuple[Judged, ...]

    @property
    def panels(self) -> dict[str, list[Filled]]:
        """The cells of each panel that has a number, in the recipe's order."""
        panels: dict[str, list[Filled]] = {}
        for filled in self.cells:
            panels.setdefault(filled.cell.panel, []).append(filled)
        return {name: own for name, own in panels.items() if any(f.values for f in own)}

    @property
    def done(self) -> int:
        """How many cells have a number."""
        return sum(bool(filled.values) for filled in self.cells)

    def jobs(self) -> Iterator[Job]:
        """Return the jobs behind its numbers."""
        yield from dict.fromkeys(job for filled in self.cells for job in filled.cell.jobs)


def found(recipe: PaperRecipe, scale: Scale, records: Records) -> Found:
    """Fill in the numbers of a recipe, as far as they are there, and judge its claims."""
    filled = []
    for cell in recipe.cells(scale):
        known = [records.record(job) for job in cell.jobs]
        values = tuple(cell.read(record) for record in known if record is not None)
        filled.append(Filled(cell, values))
    values_by_place = {
        (f.cell.panel, f.cell.row, f.cell.column): list(f.values) for f in filled if f.values
    }
    judged = tuple(claim.judged(values_by_place) for claim in recipe.claims)
    return Found(recipe, scale, tuple(filled), judged)
