"""Run a recipe: write ticket, record, log and two pictures to a folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from scratchticket.base.accuracy import percent
from scratchticket.base.files import write_atomically
from scratchticket.base.processes import ALONE, Group
from scratchticket.base.record import Json, Result, Results, RunRecord, Weights, to_json
from scratchticket.base.signals import stop_requests
from scratchticket.data import Data, DataRecipe, load_data
from scratchticket.learning import Epoch, Event, Session, catastrophic_overfitting
from scratchticket.learning.checkpoint import discard
from scratchticket.pictures import figures
from scratchticket.runs.api import prepare_job, run_job
from scratchticket.runs.cost import judging_share
from scratchticket.runs.folder import RunFolder
from scratchticket.runs.lease import Lease, LeaseLost, held_alone
from scratchticket.runs.recipe import Recipe
from scratchticket.runs.records import commit, machine, measured_accuracies, versions
from scratchticket.runs.start import load_beside, load_start
from scratchticket.runs.tracking import check_tensorboard, tracked
from scratchticket.tickets import Finished, Ticket


def run(  # noqa: PLR0913
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "cpu",
    data: Data | None = None,
    observe: Callable[[Event], None] = lambda event: None,
    tell: Callable[[Sequence[str]], None] = lambda notes: None,
    track: Path | None = None,
    group: Group = ALONE,
    leased: bool = False,
) -> RunRecord:
    """Run a recipe in a folder, exclusively, and return the record.

    With ``resume``, a run that is already finished is not repeated.

    Args:
        recipe: Recipe of the run.
        folder: Folder of ticket, record, log, pictures and checkpoint.
        resume: Resume the run in the folder.
        overwrite: Replace the run in the folder.
        device: Device to compute on.
        data: Data set, if already loaded.
        observe: Called after each step.
        tell: Called with notes for the user, such as choices made in reading the data.
        track: Folder for TensorBoard's files, which need the extra ``track``.
        group: The processes that share the run; the first of them writes and observes.
        leased: Whether the caller holds the folder's lease.

    Raises:
        InputError: See :meth:`RunFolder.prepare`; or if another process works in the folder.
        Interrupted: If a signal asked to stop; the checkpoint is in the folder.
        LeaseLost: If another process has taken the folder.
    """
    start = load_start(recipe.start)
    if data is None:
        data = _load_data(recipe.data, group)
    if group.leads:
        tell(data.notes)
    job = prepare_job(recipe, data, device, start, load_beside(recipe.beside), group)
    if track is not None:
        check_tensorboard()
    home = RunFolder(folder, recipe.task)
    lease: Lease | None = None
    with ExitStack() as stack:

        def enter() -> RunRecord | None:
            nonlocal lease
            if not leased:
                lease = stack.enter_context(held_alone(folder))
            home.prepare(recipe, resume=resume, overwrite=overwrite)
            return home.finished()

        if (finished := group.run_on_first(enter)) is not None:
            discard(home.checkpoint)
            return finished
        write = stack.enter_context(tracked(track if group.leads else None))
        share = judging_share(recipe, len(data.train), len(data.test))

        def watch(event: Event) -> None:
            if lease is not None and lease.lost:
                raise LeaseLost(f"another process has taken {folder}: the lease was not renewed")
            write(event)
            observe(replace(event, judging=share * event.steps))

        done = _run_loop(home, watch, tell, group, lambda session: run_job(recipe, job, session))
        begun = time.monotonic()
        chosen = _test_accuracies(recipe, data, done.chosen, device, group)
        same = done.chosen_epoch == done.other_epoch
        other = chosen if same else _test_accuracies(recipe, data, done.other, device, group)
        results = {done.chosen_is: chosen, done.other_is: other}

        def write_all() -> RunRecord:
            seconds = {"learning": done.seconds, "evaluation": time.monotonic() - begun}
            return _write(home, recipe, data, done, results, seconds, device, group)

        return group.run_on_first(write_all)


def _load_data(recipe: DataRecipe, group: Group) -> Data:
    """Load images: the first process fills the cache before the others read from it."""
    found: list[Data] = []
    group.run_on_first(lambda: found.append(load_data(recipe)))
    return found[0] if found else load_data(recipe)


def _write(  # noqa: PLR0913, PLR0917
    home: RunFolder,
    recipe: Recipe,
    data: Data,
    done: Finished,
    results: Mapping[Literal["best", "last"], Result],
    seconds: dict[str, float],
    device: str,
    group: Group,
) -> RunRecord:
    """Write the ticket, its pictures and, last, the record; return the record."""
    chosen = results[done.chosen_is]
    ticket = replace(
        done.chosen,
        provenance={**done.chosen.provenance, "results": _without_times(chosen)},
    )
    ticket.save(home.ticket)
    _draw_pictures(home, recipe, data, ticket, done.epochs)
    record = RunRecord(
        format=1,
        id=recipe.id,
        recipe=recipe.json(),
        selected=recipe.learning.select,
        results=Results(best=results["best"], last=results["last"]),
        warnings=tuple(warnings_of(done.epochs)),
        weights=Weights(kept=ticket.mask.kept, total=ticket.mask.total),
        bytes=home.ticket.stat().st_size,
        seconds={name: round(value, 3) for name, value in seconds.items()},
        machine=machine(device) | ({"processes": group.size} if group.size > 1 else {}),
        versions=versions(),
        commit=commit(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_atomically(home.record, json.dumps(to_json(record), indent=2) + "\n")
    discard(home.checkpoint)
    return record


def warnings_of(epochs: Sequence[Epoch]) -> list[str]:
    """Return warnings about a run: collapse and catastrophic overfitting."""
    seen: dict[str, int] = {}
    for judged in epochs:
        for sign in judged.signs:
            seen.setdefault(sign, judged.epoch)
    noted = [f"since epoch {number}: {sign}" for sign, number in seen.items()]
    for sound in epochs:
        if sound.back_from is not None:
            then = "ended there" if sound is epochs[-1] else "went on with PGD-2"
            noted.insert(
                0,
                f"catastrophic overfitting in epoch {sound.back_from}: the run went back to the "
                f"end of epoch {sound.epoch} and {then}",
            )
    epoch = catastrophic_overfitting(epochs)
    if epoch is None or epoch.watch is None:
        return noted
    watch = epoch.watch
    return [
        f"catastrophic overfitting in epoch {epoch.epoch}: on validation images the network "
        f"resists its one-step attack ({watch.fgsm}) but not PGD ({watch.pgd}); see "
        "learning.on_overfitting",
        *noted,
    ]


def _run_loop(
    home: RunFolder,
    observe: Callable[[Event], None],
    tell: Callable[[Sequence[str]], None],
    group: Group,
    learn: Callable[[Session], Finished],
) -> Finished:
    """Run the loop, writing log and checkpoint to the folder."""
    logged = -1

    def watch(event: Event) -> None:
        nonlocal logged
        if not group.leads:
            return
        if len(event.epochs) != logged:
            logged = len(event.epochs)
            lines = [json.dumps(asdict(epoch)) + "\n" for epoch in event.epochs]
            write_atomically(home.log, "".join(lines))
        observe(event)

    with stop_requests() as stop:
        session = Session(home.checkpoint, observe=watch, stop=stop, group=group)
        return learn(replace(session, tell=lambda line: tell([line] if group.leads else [])))


def _test_accuracies(
    recipe: Recipe, data: Data, ticket: Ticket, device: str, group: Group
) -> Result:
    """Return the test accuracies of a ticket, with the epoch in its provenance."""
    result = measured_accuracies(
        ticket, data.test, recipe.judge, seed=recipe.seed, device=device, group=group
    )
    return Result(epoch=ticket.provenance["epoch"], **dict(result))


def _without_times(result: Result) -> Json:
    """Return accuracies without times, so that equal runs give equal ticket files."""
    rows = [to_json(row) for row in result.attacks]
    attacks = [{name: row[name] for name in row if name != "seconds"} for row in rows]
    return {"natural": to_json(result.natural), "attacks": attacks}


def _draw_pictures(
    home: RunFolder, recipe: Recipe, data: Data, ticket: Ticket, epochs: list[Epoch]
) -> None:
    """Write the figures of the run's curves and example images."""
    dense = ticket.remaining_ratio == 1
    what = "dense network" if dense else f"{percent(ticket.remaining_ratio):.3g} % of the weights"
    network, data_name = recipe.network, Path(recipe.data.name).name
    name = f"{network.name} (width {network.width}) on {data_name}: {what}"
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
