"""What the verbs print: errors, progress, tables."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from scratchticket.base.errors import Interrupted, ScratchticketError, ToldElsewhere, first_line
from scratchticket.base.files import printable
from scratchticket.base.signals import interruptible

if TYPE_CHECKING:
    from scratchticket.base.record import RunRecord, Sign
    from scratchticket.learning import Event

ERROR_CODE = 2
LONGEST = 2000  # characters of an error
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def say(text: str, where: Console = out) -> None:
    """Print a line as it is, however wide; see :func:`printable`."""
    where.print(printable(text), soft_wrap=True, markup=False)


def print_json(document: Any) -> None:
    """Print the one JSON document of a verb that was asked for it."""
    print(json.dumps(document, indent=2))


def job_table(jobs: Iterable[tuple[str, str, str]]) -> Table:
    """Return a table of jobs.

    Args:
        jobs: Of each its name, where it stands, and what it is.
    """
    table = Table(box=SIMPLE)
    for heading in ("job", "state", "what"):
        table.add_column(heading, no_wrap=heading != "what")
    for name, state, what in jobs:
        table.add_row(cell(name), state, cell(what))
    return table


def cell(text: object) -> str:
    """Return text of a file for a table or a bar: neither commands nor markup."""
    return escape(printable(text))


def complain(text: str) -> None:
    """Print an error: one line, and no longer than anybody reads."""
    line = printable(text)
    print(line if len(line) <= LONGEST else f"{line[:LONGEST]}...", file=sys.stderr)


@contextmanager
def user_errors(go_on: str = "") -> Iterator[None]:
    """Turn the library's errors, Ctrl-C and other signals that stop into a line and exit code 2.

    Args:
        go_on: How to go on after an interruption.
    """
    try:
        with interruptible():
            yield
    except ToldElsewhere:
        raise typer.Exit(ERROR_CODE) from None
    except Interrupted as stopped:
        complain(f"interrupted: {stopped}; {go_on}")
        raise typer.Exit(ERROR_CODE) from None
    except ScratchticketError as error:
        complain(f"error: {error}")
        raise typer.Exit(ERROR_CODE) from None
    except KeyboardInterrupt:
        complain(f"interrupted{go_on and '; '}{go_on}")
        raise typer.Exit(ERROR_CODE) from None
    except BrokenPipeError:
        raise  # whoever read the output has seen enough
    except OSError as error:
        complain(f"error: {error.filename or 'a file'}: {error.strerror or first_line(error)}")
        raise typer.Exit(ERROR_CODE) from None
    except (MemoryError, RuntimeError) as error:
        from scratchticket.base.memory import ran_out

        if not ran_out(error):
            raise
        complain(f"error: out of memory: {first_line(error)}")
        raise typer.Exit(ERROR_CODE) from None


def tell(notes: Iterable[str]) -> None:
    """Print what was decided on the user's behalf."""
    for note in notes:
        say(f"note: {note}", err)


class LearningProgress:
    """A live bar on a terminal; elsewhere, one line per epoch.

    Args:
        label: What runs.
        quiet: Show nothing.
    """

    def __init__(self, label: str, quiet: bool) -> None:
        self._label, self._quiet, self._drawn, self._epochs = label, quiet, 0.0, 0
        self._warned: set[str] = set()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=10),
            TextColumn("epoch {task.fields[epoch]} loss {task.fields[loss]}"),
            TextColumn("valid {task.fields[validation]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=err,
            disable=quiet or not err.is_terminal,
            speed_estimate_period=120,
        )
        self._task = self._bar.add_task(
            cell(label), epoch="-", loss="-", validation="-", total=None
        )

    def __enter__(self) -> LearningProgress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show where the run stands."""
        finished = len(event.epochs)
        new, self._epochs = finished > self._epochs, finished
        if new:
            self._warn(event)
        judged = [epoch.validation for epoch in event.epochs if epoch.validation]
        validation = f"{judged[-1].natural} / {judged[-1].robust}" if judged else "-"
        if self._bar.disable:
            if new and not self._quiet:
                last = event.epochs[-1]
                say(
                    f"{self._label}: epoch {last.epoch}/{event.total_epochs}  "
                    f"loss {last.loss:.3f}  "
                    f"validation {validation}  {last.seconds:.0f} s",
                    err,
                )
            return
        last_step = event.step == event.steps
        if not self._drawn:  # what an earlier session did is no measure of speed
            total = event.steps + event.judging
            self._bar.reset(self._task, total=total, completed=event.step)
        if time.monotonic() - self._drawn > 0.2 or last_step:
            self._drawn = time.monotonic()
            epoch = min(finished + 1, event.total_epochs)
            self._bar.update(
                self._task,
                completed=event.step,
                description=cell("judging" if last_step else self._label),
                epoch=f"{epoch}/{event.total_epochs}",
                loss=f"{float(event.loss):.3f}",
                validation=validation,
            )

    def _warn(self, event: Event) -> None:
        """Say once what should be known while there is time to stop."""
        from scratchticket.runs.run import warnings_of

        for warning in warnings_of(event.epochs):
            if warning not in self._warned:
                say(f"warning: {warning}", err)
                self._warned.add(warning)


def print_signs(signs: Iterable[Sign]) -> None:
    """Print the warning signs of a record."""
    for sign in signs:
        say(f"warning sign: {sign.name}: {sign.text}")


def result_table(rows: dict[str, RunRecord]) -> Table:
    """Return a table of records: accuracy on the test images, weights, bytes.

    Args:
        rows: Label to record.
    """
    attack = next(iter(rows.values())).chosen.attacks[0].title
    title = cell(f"Accuracy on the test images; robust: {attack}")
    table = Table(title=title, title_justify="left", box=SIMPLE)
    table.add_column("", no_wrap=True)
    for heading in ("natural", "robust", "95 % interval", "weights\nkept", "bytes\non disk"):
        table.add_column(heading, justify="right", no_wrap=True)
    for label, record in rows.items():
        robust = record.chosen.attacks[0]
        table.add_row(
            label,
            str(record.chosen.natural),
            str(robust),
            robust.interval_text,
            f"{record.weights.kept:,}",
            f"{record.bytes:,}",
        )
    return table
