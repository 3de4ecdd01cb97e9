"""Do a job of any kind: compute its record from its settings and the tickets that it needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scratchticket.attacks import Attack, Noise
from scratchticket.base.errors import OtherEvaluation, TicketError
from scratchticket.base.files import write_atomically
from scratchticket.base.record import AttackFacts, FeaturesRecord, Record, RunRecord, to_json
from scratchticket.data import Data
from scratchticket.evaluation import Balls, feature_distance, named, suite
from scratchticket.judging.evaluation import EvaluationTask, balls_of, fixed_choice
from scratchticket.judging.subject import Subject, ticket_subject
from scratchticket.judging.switches import SwitchTask, TransferTask
from scratchticket.judging.task import Task, carry_out
from scratchticket.learning.checkpoint import Damaged
from scratchticket.networks import placed
from scratchticket.runs.records import commit, machine, versions
from scratchticket.runs.run import run
from scratchticket.runs.start import make_recipe_from_file
from scratchticket.sweeps.job import BESIDE, DENSE, START, Job
from scratchticket.sweeps.store import Store
from scratchticket.tickets import Ticket

Json = dict[str, Any]
Observe = Callable[[float], None]


def perform(
    job: Job, store: Store, *, device: str = "cpu", observe: Observe = lambda fraction: None
) -> Record:
    """Do a job in its folder of a store, or resume it; return its record.

    Args:
        job: The job. The jobs that it needs must be finished, and the caller must hold the lease
            of the job's folder.
        store: The store.
        device: Device to compute on.
        observe: Called repeatedly with the fraction done.

    Returns:
        The record, which is also written to the folder.

    Raises:
        InputError: If the job's settings or data cannot be used.
        TicketError: If the ticket of a needed job is damaged.
        Interrupted: If a signal asked to stop.
    """
    try:
        return _perform(job, store, device, observe)
    except TicketError as error:
        needed = ", ".join(str(store.folder(need)) for need in job.needs.values())
        raise TicketError(f"{error}; remove that ticket's folder, one of {needed}") from None


def _perform(job: Job, store: Store, device: str, observe: Observe) -> Record:
    """Do a job; return its record."""
    if job.kind == "run":
        return _run(job, store, device, observe)
    data = store.data(job.data)
    if job.kind == "features":
        return _features(job, store, data, device)
    task = _TASKS[job.kind](job, store, data)

    def progress(name: str, done: int, total: int) -> None:
        observe(done / total)

    def evaluate(overwrite: bool) -> Record | None:
        folder = store.folder(job)
        return carry_out(task, folder=folder, overwrite=overwrite, device=device, progress=progress)

    try:
        record = evaluate(overwrite=False)
    except OtherEvaluation:  # begun by another version, thus not resumable
        record = evaluate(overwrite=True)
    assert record is not None
    return record


def _run(job: Job, store: Store, device: str, observe: Observe) -> RunRecord:
    """Draw or train a ticket; return its record."""
    settings = dict(job.settings)
    if START in job.needs:
        settings["start.file"] = str(store.ticket(job.needs[START]))
    beside = [str(store.ticket(n)) for role, n in job.needs.items() if role.startswith(BESIDE)]
    if beside:
        settings["beside.files"] = beside
    recipe = make_recipe_from_file(settings)

    def run_recipe(resume: bool) -> RunRecord:
        return run(
            recipe,
            store.folder(job),
            resume=resume,
            overwrite=not resume,
            leased=True,
            device=device,
            data=store.data(recipe.data),
            observe=lambda event: observe(event.step / event.steps),
            track=store.track and store.track / f"{job.label.replace('/', '-')} {job.id[:8]}",
        )

    try:
        return run_recipe(resume=True)
    except Damaged:  # the damaged run cannot be resumed
        return run_recipe(resume=False)


def _evaluation(job: Job, store: Store, data: Data) -> Task[Any, Any]:
    """Return the evaluation of a ticket.

    Settings: ``images``; and either ``suite`` or ``attacks``, a list of entries with ``name`` and
    optionally ``settings``, ``norm`` and ``epsilons``.
    """
    ((_, subject),) = _subjects(job, store).items()
    settings = job.settings
    where = _balls(job, subject, data)
    classes = len(data.classes)
    attacks = attacks_in(settings, where, classes)
    images = fixed_choice(data.test, settings.get("images"))
    return EvaluationTask(
        subject,
        images,
        data.judged,
        attacks,
        where,
        suite=settings.get("suite"),
        classes=classes,
    )


def attacks_in(settings: Mapping[str, Any], where: Balls, classes: int) -> tuple[Attack, ...]:
    """Return the attacks in an evaluation's settings.

    Args:
        settings: With ``suite`` or ``attacks``.
        where: Balls for attacks whose entry names none.
        classes: Number of logits.
    """
    if "suite" in settings:
        return suite(settings["suite"], where, classes)
    found = [
        attack
        for entry in settings["attacks"]
        for attack in named(
            entry["name"], balls_of_entry(where, entry), classes, entry.get("settings", {})
        )
    ]
    return tuple({str(attack): attack for attack in found}.values())


def balls_of_entry(where: Balls, entry: Json) -> Balls:
    """Return the balls of one entry of ``attacks``."""
    norm = entry.get("norm", where.norm)
    epsilons = tuple(
        entry.get("epsilons", where.epsilons if norm == where.norm else where.euclidean)
    )
    return replace(where, norm=norm, epsilons=epsilons)


def _transfer(job: Job, store: Store, data: Data) -> Task[Any, Any]:
    """Return the transfer evaluation of tickets. Settings: ``epsilons``, ``images``."""
    subjects = _subjects(job, store)
    first = next(iter(subjects.values()))
    return TransferTask(
        subjects,
        fixed_choice(data.test, job.settings.get("images")),
        data.judged,
        _balls(job, first, data),
        len(data.classes),
    )


def _switch(job: Job, store: Store, data: Data) -> Task[Any, Any]:
    """Return the evaluation of a switch. Settings: ``suite``, ``epsilons``, ``images``.

    The jobs needed draw the switch's tickets; one in the role ``dense`` trains a network to compare
    the switch with.
    """
    subjects = _subjects(job, store)
    dense = subjects.pop(DENSE, None)
    first = next(iter(subjects.values()))
    return SwitchTask(
        subjects,
        fixed_choice(data.test, job.settings.get("images")),
        data.judged,
        _balls(job, first, data),
        len(data.classes),
        suite=job.settings.get("suite", "quick"),
        dense=dense,
    )


def _features(job: Job, store: Store, data: Data, device: str) -> FeaturesRecord:
    """Measure how far noise in l-inf balls moves the features of the last convolution."""
    images, distances = fixed_choice(data.test, job.settings.get("images")), {}
    attacks = [Attack(Noise(1), epsilon) for epsilon in job.settings["epsilons"]]
    for name, subject in _subjects(job, store).items():
        network = placed(subject.network, device)
        distances[name] = {
            epsilon: feature_distance(network, images, attack).mean
            for epsilon, attack in zip(job.settings["epsilons"], attacks, strict=True)
        }
    record = FeaturesRecord(
        format=1,
        kind="features",
        data=data.judged,
        attacks=tuple(AttackFacts(**attack.facts()) for attack in attacks),
        distances=distances,
        machine=machine(device),
        versions=versions(),
        commit=commit(),
    )
    text = json.dumps(to_json(record), indent=2)
    write_atomically(store.folder(job) / "record.json", text + "\n")
    return record


def _subjects(job: Job, store: Store) -> dict[str, Subject]:
    """Return the networks that a job needs, by name."""
    files = {name: store.ticket(need) for name, need in job.needs.items()}
    return {name: ticket_subject(Ticket.load(file), file) for name, file in files.items()}


def _balls(job: Job, subject: Subject, data: Data) -> Balls:
    """Return the balls in the settings; the default is derived from the network's own attack."""
    settings = job.settings
    return balls_of(subject, data.shape, settings.get("epsilons", ()), l2=settings.get("l2", ()))


_TASKS: dict[str, Callable[[Job, Store, Data], Task[Any, Any]]] = {
    "judge": _evaluation,
    "transfer": _transfer,
    "switch": _switch,
}
