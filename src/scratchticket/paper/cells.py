"""Cells: the single numbers that tables and figures are made of, and where each comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from scratchticket.attacks import Attack
from scratchticket.evaluation.report import autoattacked
from scratchticket.paper.scale import Scale
from scratchticket.sweeps.job import Job

Facts = dict[str, Any]
EVERY = ""  # column of a number that does not depend on the column: a horizontal line


class Measured(NamedTuple):
    """A number from a record: a fraction of ``images``, or something else if there are none.

    Numbers are compared within a ``seed``.
    """

    value: float
    images: int
    seed: int = 0


Read = Callable[[Facts], Measured]


@dataclass(frozen=True)
class Cell:
    """A number of a table or figure.

    Attributes:
        panel: Which part of it: ``resnet18 / cifar10``.
        row: Which row of a table, line of a plot, source of a matrix.
        column: Which column, or remaining percent.
        jobs: One per seed.
        read: Finds the number in their records.
        published: The paper's, in percent, if it is known.
    """

    panel: str
    row: str
    column: str
    jobs: tuple[Job, ...]
    read: Read
    published: float | None = None


def curve(  # noqa: PLR0913
    scale: Scale,
    panel: str,
    row: str,
    percents: Iterable[int],
    make: Callable[[int, int], Job],
    read: Read,
    published: Mapping[int, float] | None = None,
) -> Iterator[Cell]:
    """Return a line over the remaining percent.

    Args:
        scale: Chooses among the percents, and the seeds.
        panel: See :class:`Cell`.
        row: See :class:`Cell`.
        percents: Those of the paper.
        make: Percent and seed to a job.
        read: See :class:`Cell`.
        published: The paper's values, by percent.
    """
    known = published or {}
    for percent in scale.on_curves(percents):
        jobs = tuple(make(percent, seed) for seed in scale.seeds)
        yield Cell(panel, row, str(percent), jobs, read, known.get(percent))


def level(  # noqa: PLR0913
    scale: Scale,
    panel: str,
    row: str,
    make: Callable[[int], Job],
    read: Read,
    published: float | None = None,
    column: str = EVERY,
) -> Cell:
    """Return a number of which there is one per seed, by default a horizontal line."""
    return Cell(panel, row, column, tuple(make(seed) for seed in scale.seeds), read, published)


def _counted(counts: Facts) -> Measured:
    return Measured(counts["correct"] / counts["total"], counts["total"])


def natural(record: Facts) -> Measured:
    """Return natural accuracy: of a run, of the epoch that was chosen."""
    if "results" in record:
        return _counted(record["results"][record["selected"]]["natural"])
    if "expected" in record["natural"]:
        return Measured(record["natural"]["expected"], record["natural"]["total"])
    return _counted(record["natural"])


def robust(record: Facts) -> Measured:
    """Return a run's accuracy under the attack that ends it."""
    return _counted(record["results"][record["selected"]]["attacks"][0])


def row_of(rows: Iterable[Facts], attack: Attack, source: str | None = None) -> Facts:
    """Return the row of an attack, found by what the attack is.

    Args:
        rows: Of a record.
        attack: Which.
        source: Of a switch's rows, whom it was made on.

    Raises:
        LookupError: If there is none.
    """
    for row in rows:
        if (source is None or row["source"] == source) and attack.matches(row):
            return row
    raise LookupError(f"the record has no {attack}")


def under(attack: Attack) -> Read:
    """Return what reads the accuracy under an attack from a judgement."""
    return lambda record: _counted(row_of(record["attacks"], attack))


def under_autoattack(epsilon: str) -> Read:
    """Return what reads the accuracy under the standard AutoAttack in the l-inf norm."""

    def read(record: Facts) -> Measured:
        return _counted(next(r for r in record["attacks"] if autoattacked(r, "linf", epsilon)))

    return read


def mixed(attack: Attack, part: str = "mean") -> Read:
    """Return what reads a switch's matrix: ``mean``, ``diagonal``, ``off_diagonal``, ...

    Args:
        attack: That was made on every member.
        part: Which number.
    """

    def read(record: Facts) -> Measured:
        found = row_of(record["protocol"], attack)
        return Measured(found[part], found["total"])

    return read


def struck(attack: Attack, source: str) -> Read:
    """Return what reads a switch's expected accuracy under one strike."""

    def read(record: Facts) -> Measured:
        found = row_of(record["attacks"], attack, source)
        return Measured(found["expected"], found["total"])

    return read


def crossed(source: str, column: str, attack: Attack) -> Read:
    """Return what reads one number of a transfer matrix."""

    def read(record: Facts) -> Measured:
        found = row_of(record["matrices"], attack)
        return Measured(found["rows"][source][column] / found["total"], found["total"])

    return read


def of_dense(read: Read) -> Read:
    """Return what reads the same of the dense network that a switch was compared with."""
    return lambda record: read(record["dense"])
