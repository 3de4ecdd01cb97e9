"""Cells: single numbers of tables and figures, and the jobs and records they are read from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from scratchticket.attacks import Attack
from scratchticket.base.record import (
    AttackFacts,
    EvaluationRecord,
    Measurement,
    Record,
    RunRecord,
    SwitchCase,
    SwitchRecord,
    SwitchReport,
    SwitchRow,
    TransferRecord,
)
from scratchticket.evaluation.report import autoattacked
from scratchticket.paper.scale import Scale
from scratchticket.sweeps.job import Job

EVERY = ""  # column of a number that is the same for all columns, shown as a horizontal line


class Measured(NamedTuple):
    """A number from a record.

    Attributes:
        value: A fraction of ``images`` if that is not 0, else any number.
        images: Number of test images; 0 if the value is not an accuracy.
        seed: Index of the run's seed; only numbers with the same index are compared.
    """

    value: float
    images: int
    seed: int = 0


Source = Record | SwitchReport  # what numbers are read from
Read = Callable[[Source], Measured]
F = TypeVar("F", bound=AttackFacts)
K = TypeVar("K", bound=Source)


@dataclass(frozen=True)
class Cell:
    """A number of a table or figure.

    Attributes:
        panel: Name of the part of the table or figure, such as ``resnet18 / cifar10``.
        row: Name of the row of a table, line of a plot, or source of a matrix.
        column: Name of the column, or remaining percent.
        jobs: The jobs that give the number, one per seed.
        read: Reads the number from a job's record.
        published: The paper's number, in percent, if known.
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
    """Return the cells of a curve over the remaining percent.

    Args:
        scale: Restricts the percents, and gives the seeds.
        panel: See :class:`Cell`.
        row: See :class:`Cell`.
        percents: The paper's remaining percents.
        make: Function from percent and seed to a job.
        read: See :class:`Cell`.
        published: The paper's numbers, by percent.
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
    """Return one cell, by default drawn as a horizontal line; ``make`` maps a seed to its job."""
    return Cell(panel, row, column, tuple(make(seed) for seed in scale.seeds), read, published)


def of_kind(kind: type[K], record: Source) -> K:
    """Return a record after checking its type.

    Raises:
        TypeError: If it is of another type.
    """
    if not isinstance(record, kind):
        raise TypeError(f"a {type(record).__name__} is not a {kind.__name__}")
    return record


def measured(what: Measurement) -> Measured:
    """Convert the counts, or the expected accuracy, in a record to the number of a cell."""
    return Measured(what.fraction, what.total)


def natural(record: Source) -> Measured:
    """Return the natural accuracy in a record; for a run, that of its selected epoch."""
    if isinstance(record, RunRecord):
        return measured(record.chosen.natural)
    if isinstance(record, EvaluationRecord):
        return measured(record.natural)
    return measured(_switch(record).natural)


def robust(record: Source) -> Measured:
    """Return the robust accuracy in the record of a run."""
    return measured(of_kind(RunRecord, record).chosen.attacks[0])


def row_of(rows: Iterable[F], attack: Attack) -> F:
    """Return the row of an attack, matched by method, ball and settings.

    Raises:
        LookupError: If there is none.
    """
    for row in rows:
        if row.settings is not None and attack.matches(dict(row)):
            return row
    raise LookupError(f"the record has no row for {attack}")


def under(attack: Attack) -> Read:
    """Return the function that reads the accuracy under an attack from an evaluation's record."""
    return lambda record: measured(row_of(of_kind(EvaluationRecord, record).attacks, attack))


def under_autoattack(epsilon: str) -> Read:
    """Return the function that reads the accuracy under the standard l-inf AutoAttack."""

    def read(record: Source) -> Measured:
        rows = of_kind(EvaluationRecord, record).attacks
        return measured(next(row for row in rows if autoattacked(row, "linf", epsilon)))

    return read


def protocol_accuracy(attack: Attack) -> Read:
    """Return the function that reads the mean accuracy of a switch in the paper's protocol."""

    def read(record: Source) -> Measured:
        found = row_of(_switch(record).protocol, attack)
        return Measured(found.mean, found.total)

    return read


def switch_row(record: Source, attack: Attack, source: str) -> SwitchRow:
    """Return a switch's row for an attack on a source.

    Raises:
        LookupError: If there is none.
    """
    return row_of((row for row in _switch(record).attacks if row.source == source), attack)


def worst_of(record: Source) -> SwitchCase:
    """Return the first worst case of a switch.

    Raises:
        LookupError: If the record has none.
    """
    if (case := _switch(record).worst_case) is None:
        raise LookupError("the record has no worst case")
    return case


def switch_accuracy(attack: Attack, source: str) -> Read:
    """Return the function that reads a switch's expected accuracy under an attack on a source."""
    return lambda record: measured(switch_row(record, attack, source))


def transfer_accuracy(source: str, column: str, attack: Attack) -> Read:
    """Return the function that reads one number of a transfer matrix."""

    def read(record: Source) -> Measured:
        found = row_of(of_kind(TransferRecord, record).matrices, attack)
        return Measured(found.fraction(source, column), found.total)

    return read


def of_dense(read: Read) -> Read:
    """Return the function that reads the same number of the network a switch is compared with."""

    def of(record: Source) -> Measured:
        dense = of_kind(SwitchRecord, record).dense
        if dense is None:
            raise LookupError("the record has no dense network")
        return read(dense)

    return of


def _switch(record: Source) -> SwitchRecord | SwitchReport:
    """Return a record after checking that it is the record of a switch."""
    if isinstance(record, SwitchReport):
        return record
    return of_kind(SwitchRecord, record)
