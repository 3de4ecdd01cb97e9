"""Output of the verbs: lines, errors, progress and tables."""

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
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from scratchticket.base.errors import Interrupted, ReportedElsewhere, ScratchticketError, first_line
from scratchticket.base.files import printable
from scratchticket.base.signals import interruptible

if TYPE_CHECKING:
    from scratchticket.base.record import RunRecord, Sign
    from scratchticket.learning import Event

ERROR_CODE = 2
MAX_ERROR = 2000  # characters of an error message
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def say(text: str, where: Console = out) -> None:
    """Print a line without markup or wrapping; see :func:`printable`."""
    where.print(printable(text), soft_wrap=True, markup=False)


def print_json(document: Any) -> None:
    """Print a value as JSON: the only output of a verb with ``--json``."""
    print(json.dumps(document, indent=2))


def job_table(jobs: Iterable[tuple[str, str, str]]) -> Table:
    """Return a table of jobs.

    Args:
        jobs: Name, state and label of each job.
    """
    table = Table(box=SIMPLE)
    for heading in ("job", "state", "label"):
        table.add_column(heading, no_wrap=heading != "label")
    for name, state, label in jobs:
        table.add_row(cell(name), state, cell(label))
    return table


def cell(text: object) -> str:
    """Return text for a table or a progress bar, without control characters or markup."""
    return escape(printable(text))


def print_error(text: str) -> None:
    """Print an error as one line of at most :data:`MAX_ERROR` characters."""
    line = printable(text)
    print(line if len(line) <= MAX_ERROR else f"{line[:MAX_ERROR]}...", file=sys.stderr)


@contextmanager
def user_errors(resume: str = "") -> Iterator[None]:
    """Turn the library's errors, Ctrl-C and other stop signals into one line and exit code 2.

    Args:
        resume: How to resume after an interruption, added to the line.
    """
    try:
        with interruptible():
            yield
    except ReportedElsewhere:
        raise typer.Exit(ERROR_CODE) from None
    except Interrupted as stopped:
        print_error(f"interrupted: {stopped}; {resume}")
        raise typer.Exit(ERROR_CODE) from None
    except ScratchticketError as error:
        print_error(f"error: {error}")
        raise typer.Exit(ERROR_CODE) from None
    except KeyboardInterrupt:
        print_error(f"interrupted{resume and '; '}{resume}")
        raise typer.Exit(ERROR_CODE) from None
    except BrokenPipeError:
        raise  # the reader of the output, such as ``head``, has closed the pipe
    except OSError as error:
        print_error(f"error: {error.filename or 'a file'}: {error.strerror or first_line(error)}")
        raise typer.Exit(ERROR_CODE) from None
    except (MemoryError, RuntimeError) as error:
        from scratchticket.base.memory import ran_out

        if not ran_out(error):
            raise
        print_error(f"error: out of memory: {first_line(error)}")
        raise typer.Exit(ERROR_CODE) from None


def print_notes(notes: Iterable[str]) -> None:
    """Print notes to the user on standard error."""
    for note in notes:
        say(f"note: {note}", err)


class Bars(Progress):
    """Progress bars on standard error, disabled if it is not a terminal.

    Args:
        columns: As for rich's ``Progress``, as are further ``settings``.
        quiet: Show nothing.
    """

    def __init__(self, *columns: ProgressColumn, quiet: bool, **settings: Any) -> None:
        super().__init__(*columns, console=err, disable=quiet or not err.is_terminal, **settings)

    def stop(self) -> None:
        """Stop the display; rich 13 would print an empty line even if it is disabled."""
        if not self.disable:
            super().stop()


class LearningProgress:
    """A live progress bar on a terminal; elsewhere, one line per epoch.

    Args:
        label: Text in front of the bar.
        quiet: Show nothing.
    """

    def __init__(self, label: str, quiet: bool) -> None:
        self._label, self._quiet, self._drawn, self._epochs = label, quiet, 0.0, 0
        self._warned: set[str] = set()
        self._bar = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=10),
            TextColumn("epoch {task.fields[epoch]} loss {task.fields[loss]}"),
            TextColumn("valid {task.fields[validation]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            quiet=quiet,
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
        """Show the progress of the run."""
        finished = len(event.epochs)
        new, self._epochs = finished > self._epochs, finished
        if new:
            self._warn(event)
        results = [epoch.validation for epoch in event.epochs if epoch.validation]
        validation = f"{results[-1].natural} / {results[-1].robust}" if results else "-"
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
        if not self._drawn:  # exclude the steps before a resume from the speed estimate
            total = event.steps + event.judging
            self._bar.reset(self._task, total=total, completed=event.step)
        if time.monotonic() - self._drawn > 0.2 or last_step:
            self._drawn = time.monotonic()
            epoch = min(finished + 1, event.total_epochs)
            self._bar.update(
                self._task,
                completed=event.step,
                description=cell("evaluating" if last_step else self._label),
                epoch=f"{epoch}/{event.total_epochs}",
                loss=f"{float(event.loss):.3f}",
                validation=validation,
            )

    def _warn(self, event: Event) -> None:
        """Print each warning about the run once, as soon as it applies."""
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
        rows: Records by label.
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
