"""One run in one folder: from a recipe to a ticket, a record, a log and two pictures."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scratchticket.data import Data, load_data
from scratchticket.errors import InputError
from scratchticket.experiments import figures
from scratchticket.experiments.api import learned, prepared
from scratchticket.experiments.recipe import Recipe
from scratchticket.experiments.records import commit, machine, measured, versions
from scratchticket.experiments.start import load_start
from scratchticket.files import read_bytes, write_atomically
from scratchticket.learning import Epoch, Event, Session, catastrophic_overfitting
from scratchticket.tickets import Finished, Ticket


@dataclass(frozen=True)
class RunFolder:
    """The files of a run.

    Attributes:
        path: The folder.
        task: ``draw`` or ``train``; decides what the ticket file is called.
    """

    path: Path
    task: str

    @property
    def ticket(self) -> Path:
        """The result: a ticket, or a dense network in the same format."""
        return self.path / ("ticket.safetensors" if self.task == "draw" else "network.safetensors")

    @property
    def record(self) -> Path:
        """Numbers; there once the run is finished."""
        return self.path / "record.json"

    @property
    def recipe(self) -> Path:
        """What was asked for; there from the beginning."""
        return self.path / "recipe.json"

    @property
    def log(self) -> Path:
        """One JSON line per epoch."""
        return self.path / "log.jsonl"

    @property
    def checkpoint(self) -> Path:
        """What an interrupted run goes on from; removed at the end."""
        return self.path / "checkpoint.safetensors"

    @property
    def curves(self) -> Path:
        """Loss and accuracies over the epochs."""
        return self.path / "curves.svg"

    @property
    def examples(self) -> Path:
        """Clean and attacked images."""
        return self.path / "examples.svg"

    def files(self) -> list[Path]:
        """Return every file a run may leave, in the order in which to remove them.

        The record goes first and the recipe last: a removal that is interrupted leaves a run that
        is not finished, never one that seems to be.
        """
        tickets = [self.path / f"{name}.safetensors" for name in ("ticket", "network")]
        pictures = [self.curves, self.examples]
        return [self.record, self.checkpoint, *tickets, self.log, *pictures, self.recipe]

    def prepare(self, recipe: Recipe, *, resume: bool, overwrite: bool) -> None:
        """Make the folder ready for a run of this recipe.

        Raises:
            InputError: If it holds a run and neither ``resume`` nor ``overwrite`` was asked for, if
                the run to resume has another recipe, or if the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            present = [file for file in self.files() if file.exists()]
            if present and not (resume or overwrite):
                raise InputError(
                    f"{self.path} already holds a run; use --resume to go on with it, "
                    "--overwrite to replace it, or another --out"
                )
            if present and resume:
                self.check_same(recipe)
                return
            for file in present:
                file.unlink()
        except OSError as error:
            raise InputError(f"cannot use folder {self.path}: {error.strerror}") from None
        write_atomically(self.recipe, json.dumps(recipe.json(), indent=2) + "\n")

    def check_same(self, recipe: Recipe) -> None:
        """Refuse to resume a run with another recipe, naming the first difference.

        Raises:
            InputError: If the stored recipe differs, or is missing or damaged.
        """
        advice = "use --overwrite or another --out"
        try:
            old = _flat(json_file(self.recipe))
        except InputError as error:
            raise InputError(f"cannot resume: {error}; {advice}") from None
        new = _flat(recipe.json())
        if old.keys() != new.keys():
            raise InputError(
                f"cannot resume: {self.recipe} is of another version or damaged; {advice}"
            )
        for path, value in new.items():  # in the recipe's order, the task first
            if old[path] != value:
                raise InputError(
                    f"cannot resume: the run was started with {path}={old[path]}, "
                    f"now it is {value}; {advice}"
                )

    def finished(self) -> dict[str, Any] | None:
        """Return the record of a finished run: one whose ticket file is there, whole."""
        if not (self.record.exists() and self.ticket.exists()):
            return None
        record = json_file(self.record)
        return record if record.get("bytes") == self.ticket.stat().st_size else None


def json_file(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: If the file is missing or holds none.
    """
    try:
        value = json.loads(read_bytes(path, "file"))
    except (ValueError, RecursionError):
        raise InputError(f"{path} is damaged: it holds no JSON") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} is damaged: it holds no JSON object")
    return value


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            leaves |= _flat(value, f"{prefix}{key}.")
        else:
            leaves[prefix + key] = value
    return leaves


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a question the loop asks between two steps.

    The second signal has its usual effect, for those who cannot wait for the end of a step. Outside
    the main thread, where signals cannot be caught, nothing changes.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def ask(number: int, frame: object) -> None:
        asked.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in numbers:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(  # noqa: PLR0913
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "cpu",
    observe: Callable[[Event], None] = lambda event: None,
    tell: Callable[[Sequence[str]], None] = lambda notes: None,
) -> dict[str, Any]:
    """Run a recipe in a folder.

    Returns:
        The record, which is also in the folder; that of a run finished earlier, with ``resume``.

    Raises:
        InputError: See :meth:`RunFolder.prepare`.
        Interrupted: If a signal asked to stop; the checkpoint is in the folder.
    """
    data, start = load_data(recipe.data), load_start(recipe.start)
    tell(data.notes)
    job = prepared(recipe, data, device, start)
    home = RunFolder(folder, recipe.task)
    home.prepare(recipe, resume=resume, overwrite=overwrite)
    if (finished := home.finished()) is not None:
        home.checkpoint.unlink(missing_ok=True)
        return finished
    done = _watched(home, observe, lambda session: learned(recipe, job, session))

    begun = time.monotonic()
    chosen = _judged(recipe, data, done.chosen, device)
    same = done.chosen_epoch == done.other_epoch
    other = chosen if same else _judged(recipe, data, done.other, device)
    results = {done.chosen_is: chosen, done.other_is: other}
    ticket = replace(
        done.chosen,
        provenance={**done.chosen.provenance, "results": _lasting(chosen)},
    )
    ticket.save(home.ticket)
    _draw_pictures(home, recipe, data, ticket, done.epochs)
    record = {
        "format": 1,
        "id": recipe.id,
        "recipe": recipe.json(),
        "selected": recipe.learning.select,
        "results": results,
        "warnings": warnings_of(done.epochs),
        "weights": {"kept": ticket.mask.kept, "total": ticket.mask.total},
        "bytes": home.ticket.stat().st_size,
        "seconds": {
            "learning": round(done.seconds, 3),
            "evaluation": round(time.monotonic() - begun, 3),
        },
        "machine": machine(device),
        "versions": versions(),
        "commit": commit(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_atomically(home.record, json.dumps(record, indent=2) + "\n")
    home.checkpoint.unlink(missing_ok=True)
    return record


def warnings_of(epochs: Sequence[Epoch]) -> list[str]:
    """Return what a reader of a run's numbers should know."""
    epoch = catastrophic_overfitting(epochs)
    if epoch is None or epoch.validation is None:
        return []
    judged = epoch.validation
    return [
        f"catastrophic overfitting in epoch {epoch.epoch}: on the validation images the network "
        f"resists its one-step attack ({judged.fgsm}) but not PGD ({judged.robust})"
    ]


def _watched(
    home: RunFolder, observe: Callable[[Event], None], learn: Callable[[Session], Finished]
) -> Finished:
    """Run the loop, keeping log and checkpoint in the folder."""
    logged = -1

    def watch(event: Event) -> None:
        nonlocal logged
        if len(event.epochs) != logged:
            logged = len(event.epochs)
            lines = [json.dumps(asdict(epoch)) + "\n" for epoch in event.epochs]
            write_atomically(home.log, "".join(lines))
        observe(event)

    with stop_requests() as stop:
        return learn(Session(home.checkpoint, observe=watch, stop=stop))


def _judged(recipe: Recipe, data: Data, ticket: Ticket, device: str) -> dict[str, Any]:
    """Return the test accuracies of the best or the last epoch."""
    result = measured(ticket, data.test, recipe.judge, seed=recipe.seed, device=device)
    return {"epoch": ticket.provenance["epoch"]} | result


def _lasting(result: dict[str, Any]) -> dict[str, Any]:
    """Return results as a ticket stores them, without times: the same run gives the same file."""
    attacks = [{k: v for k, v in a.items() if k != "seconds"} for a in result["attacks"]]
    return {"natural": result["natural"], "attacks": attacks}


def _draw_pictures(
    home: RunFolder, recipe: Recipe, data: Data, ticket: Ticket, epochs: list[Epoch]
) -> None:
    """Write the two SVG files."""
    dense = ticket.remaining_ratio == 1
    what = "dense network" if dense else f"{100 * ticket.remaining_ratio:.3g} % of the weights"
    name = f"{recipe.network.name} (width {recipe.network.width}) on {recipe.data.name}: {what}"
    write_atomically(home.curves, figures.curves(epochs, recipe.judge, name))
    pictures = figures.examples(
        ticket.build(),
        data.test,
        data.classes,
        recipe.judge,
        seed=recipe.seed,
        title=f"{name}; {recipe.judge}",
    )
    write_atomically(home.examples, pictures)
