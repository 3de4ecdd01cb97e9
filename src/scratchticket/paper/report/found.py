"""The results of a recipe: its cells with numbers from records, its claims with verdicts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scratchticket.base.accuracy import percent, wilson
from scratchticket.base.errors import InputError
from scratchticket.base.files import MAX_JSON, parsed_json, read_bytes, write_atomically
from scratchticket.base.record import Record, read_record, to_json
from scratchticket.paper import NAMES, PaperRecipe, Scale, published
from scratchticket.paper.cells import Cell, Measured
from scratchticket.paper.claims import Judged
from scratchticket.paper.parts import OTHER_NETWORK
from scratchticket.sweeps import Job, Store
from scratchticket.sweeps.store import job_folders

Facts = dict[str, Any]
FOREVER = 1e10  # seconds; a number from here on is invalid
_ID = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Records:
    """Records of finished jobs, from a store or a file.

    Attributes:
        by_id: For each job id: ``job`` (the job as JSON values), ``seconds`` (time spent) and
            ``record``.
    """

    by_id: Mapping[str, Facts]

    @staticmethod
    def of(store: Store, jobs: Sequence[Job]) -> Records:
        """Read the records of finished jobs from a store; damaged records count as missing."""
        known = {}
        for job in jobs:
            if store.state(job) != "finished" or (record := store.record(job)) is None:
                continue
            known[job.id] = {
                "job": {**job.json(), "label": job.label},
                "seconds": store.seconds_spent(job),
                "record": record,
            }
        return Records(known)

    @staticmethod
    def load(path: Path) -> Records:
        """Read a file written by :meth:`save`.

        Raises:
            InputError: If the file is invalid.
        """
        known: dict[str, Facts] = {}
        content = read_bytes(path, "records", MAX_JSON)
        for number, line in enumerate(content.splitlines(), start=1):
            try:
                name, facts = _told(parsed_json(line))
            except (AttributeError, InputError, LookupError, TypeError, ValueError):
                raise InputError(f"{path}: line {number} is not a record of a job") from None
            if name in known:
                raise InputError(f"{path}: line {number} repeats the job of another line")
            known[name] = facts
        return Records(known)

    def save(self, path: Path) -> None:
        """Write one JSON line per job."""
        lines = [
            json.dumps({"id": name} | facts | {"record": to_json(facts["record"])}) + "\n"
            for name, facts in self.by_id.items()
        ]
        write_atomically(path, "".join(lines))

    def seeds(self) -> tuple[int, ...]:
        """Return the seeds of the runs, ascending."""
        return run_seeds(facts["job"] for facts in self.by_id.values())

    def record(self, job: Job) -> Record | None:
        """Return the record of a job; None if missing."""
        facts = self.by_id.get(job.id)
        return None if facts is None else facts["record"]


def run_seeds(jobs: Iterable[Facts]) -> tuple[int, ...]:
    """Return the seeds of runs, ascending, without those shifted by :data:`OTHER_NETWORK`."""
    found = {job["settings"].get("seed", 0) for job in jobs if job.get("kind") == "run"}
    return tuple(sorted(s for s in found if isinstance(s, int) and 0 <= s < OTHER_NETWORK))


def seeds_of_store(store: Path) -> tuple[int, ...]:
    """Return the seeds of the finished runs in a store, of all recipes and scales."""
    folders = [folder for folder in job_folders(store) if (folder / "record.json").exists()]
    jobs = []
    for folder in folders:
        try:
            job = parsed_json(read_bytes(folder / "job.json", "job", MAX_JSON))
            jobs.append(job | {"settings": dict(job["settings"])})
        except (InputError, AttributeError, LookupError, TypeError, ValueError):
            continue  # `runs status` reports damage
    return run_seeds(jobs)


def _told(line: Facts) -> tuple[str, Facts]:
    """Return the id of a line's job, and its job, time and record.

    Raises:
        ValueError: If the line is invalid; other errors are possible.
    """
    name, facts = line["id"], {key: line[key] for key in ("job", "seconds")}
    known = _ID.fullmatch(name) and isinstance(facts["job"], dict)
    if not known or not 0 <= facts["seconds"] < FOREVER:
        raise ValueError("the id, the job or the seconds are invalid")
    return name, facts | {"record": read_record(line["record"], name)}


@dataclass(frozen=True)
class Filled:
    """A cell with its numbers.

    Attributes:
        cell: The cell.
        values: A number for each finished seed.
    """

    cell: Cell
    values: tuple[Measured, ...]

    @property
    def mean(self) -> float | None:
        """Mean over the seeds; None without numbers."""
        return mean(value.value for value in self.values) if self.values else None

    @property
    def fraction(self) -> bool:
        """Whether the numbers are fractions of test images, shown in percent."""
        return not self.values or self.values[0].images > 0

    def text(self) -> str:
        """Return the mean as shown in tables: in percent, with the spread over seeds."""
        if self.mean is None:
            return "–"
        if not self.fraction:
            return f"{self.mean:.3f}" if self.mean < 10 else f"{self.mean:,.1f}"
        spread = f" ± {percent(stdev(v.value for v in self.values)):.1f}" if self.values[1:] else ""
        return f"{percent(self.mean):.1f}{spread}"

    def interval(self) -> tuple[float, float] | None:
        """Return the mean's 95 % interval for the number of test images, in percent."""
        if self.mean is None or not self.fraction:
            return None
        low, high = wilson(self.mean, self.values[0].images)
        return percent(low), percent(high)


@dataclass(frozen=True)
class Found:
    """The results of a recipe at a scale.

    Attributes:
        recipe: The table, figure or study.
        scale: The scale.
        cells: The cells with their numbers.
        claims: The claims with their verdicts.
    """

    recipe: PaperRecipe
    scale: Scale
    cells: tuple[Filled, ...]
    claims: tuple[Judged, ...]

    @property
    def panels(self) -> dict[str, list[Filled]]:
        """The cells of each panel that has numbers, in the recipe's order."""
        panels: dict[str, list[Filled]] = {}
        for filled in self.cells:
            panels.setdefault(filled.cell.panel, []).append(filled)
        return {name: own for name, own in panels.items() if any(f.values for f in own)}

    @property
    def done(self) -> int:
        """Number of cells that have numbers."""
        return sum(bool(filled.values) for filled in self.cells)

    def jobs(self) -> Iterator[Job]:
        """Yield the jobs of all cells, each once."""
        yield from dict.fromkeys(job for filled in self.cells for job in filled.cell.jobs)


def of_paper(founds: Iterable[Found]) -> bool:
    """Return whether any result is of a table or figure of the paper, not of a study."""
    return any(found.recipe.name in NAMES for found in founds)


def doubts_about(recipe: PaperRecipe) -> list[str]:
    """Return reasons to doubt the paper's numbers, in its tables or its text."""
    doubts = [*published.table(recipe.name).doubts] if recipe.name.startswith("table") else []
    own = {claim.printed[0] for claim in recipe.claims if claim.printed}
    for name, facts in published.claims().items():
        if "doubt" in facts and (name in own or facts.get("note") == recipe.name):
            doubts.append(facts["doubt"])
    return doubts


def found(recipe: PaperRecipe, scale: Scale, records: Records) -> Found:
    """Return the results of a recipe: the numbers in the records, and verdicts on its claims."""
    filled = []
    for cell in recipe.cells(scale):
        known = [records.record(job) for job in cell.jobs]
        values = tuple(
            _number(cell, job, record)._replace(seed=seed)
            for seed, (job, record) in enumerate(zip(cell.jobs, known, strict=True))
            if record is not None
        )
        filled.append(Filled(cell, values))
    values_by_place = {
        (f.cell.panel, f.cell.row, f.cell.column): list(f.values) for f in filled if f.values
    }
    judged = tuple(claim.judged(values_by_place) for claim in recipe.claims)
    return Found(recipe, scale, tuple(filled), judged)


def _number(cell: Cell, job: Job, record: Record) -> Measured:
    """Return a cell's number from the record of a job.

    Raises:
        InputError: If the record has no such number, or an impossible one.
    """
    try:
        found = cell.read(record)
        if not (0 <= found.images == int(found.images) and isfinite(found.value)):
            raise ValueError("not a number")
    except (ArithmeticError, AttributeError, LookupError, StopIteration, TypeError, ValueError):
        where = f"{cell.panel}, {cell.row}, {cell.column}".rstrip(", ")
        raise InputError(f"the record of job {job.id[:16]} has no number for {where}") from None
    if found.images and not 0 <= found.value <= 1:
        raise InputError(f"the record of job {job.id[:16]} has an accuracy outside 0 to 100 %")
    return found
