"""The verbs ``transfer`` and ``switch evaluate``: several networks at once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from scratchticket.cli import options as o
from scratchticket.cli.judges import WHOLE, EvaluationProgress, say_share_done, shard_of
from scratchticket.cli.switch_tables import print_matrices, print_switch
from scratchticket.cli.terminal import say, tell, user_errors

if TYPE_CHECKING:
    from scratchticket.data import Data
    from scratchticket.experiments.subject import Subject
    from scratchticket.tickets import Ticket

app = typer.Typer(help="R2S: the random switch between tickets of one network.")

Files = Annotated[
    list[Path],
    Argument(
        metavar="FILE",
        help="Files of tickets; one that holds several counts as all of them.",
        show_default=False,
    ),
]
Images = Annotated[
    int | None, Option(help="How many test images, a fixed choice.", show_default="all")
]
Folder = Annotated[
    Path | None,
    Option(
        "--out",
        help="Folder for record, picture and what is needed to go on.",
        show_default="nothing is kept",
        rich_help_panel=o.RUN,
    ),
]
Share = Annotated[
    str,
    Option(help="Do share I of N (I/N); the same folder for all.", rich_help_panel=o.RUN),
]
Anew = Annotated[
    bool,
    Option(
        "--overwrite",
        help="Begin anew instead of going on with what the folder holds.",
        rich_help_panel=o.RUN,
    ),
]


def transfer(
    files: Files,
    data: o.Data,
    label_column: o.LabelColumn = None,
    epsilon: Annotated[
        str | None,
        Option(help="Radius of the ball.", show_default="that of the first ticket's recipe"),
    ] = None,
    norm: o.JudgeNorm = None,
    images: Images = None,
    seed: o.JudgeSeed = 0,
    batch_size: o.JudgeBatchSize = None,
    folder: Folder = None,
    shard: Share = WHOLE,
    overwrite: Anew = False,
    json_output: o.Json = False,
    quiet: o.Quiet = False,
    device: o.Device = "auto",
) -> None:
    """Attack each network, ask all of them: the transfer matrix.

    First as the paper's code does it, where the search for an image stops as soon as its source is
    fooled; then to the end of the search, which fools other networks better. Networks may be of any
    seed, and dense.
    """
    with user_errors(o.going_on(folder is not None)):
        from scratchticket.experiments.judging import balls_of, some_of
        from scratchticket.experiments.switches import TransferTask

        subjects, tickets = _loaded(files)
        first = next(iter(subjects.values()))
        test = _images(tickets, data, label_column)
        task = TransferTask(
            subjects,
            some_of(test.test, images),
            _source(test),
            balls_of(first, test.shape, [epsilon] if epsilon else [], norm),  # type: ignore[arg-type]
            len(test.classes),
            seed,
            batch_size,
        )
        record = _carry_out(task, folder, shard, overwrite, device, quiet or json_output)
        if record is None:
            return
        if json_output:
            print(json.dumps(record, indent=2))
            return
        print_matrices(record)
        _paths(folder)


@app.callback()
def _switch() -> None:
    """R2S: the random switch between tickets of one network."""


@app.command()
def evaluate(
    files: Files,
    data: o.Data,
    label_column: o.LabelColumn = None,
    suite: Annotated[
        str,
        Option(
            help="quick: the paper's protocol and the strongest adaptive attacks; full: "
            "everything, AutoAttack in the paper's protocol, a sweep of samples, the game.",
        ),
    ] = "quick",
    probabilities: Annotated[
        str | None,
        Option(help="Of the tickets, with commas: 0.5,0.3,0.2.", show_default="all equal"),
    ] = None,
    dense: Annotated[
        Path | None,
        Option(help="A dense network to compare with, under the same suite.", show_default=False),
    ] = None,
    epsilon: Annotated[
        list[str] | None,
        Option(
            help="Radius of the ball, pixels in [0, 1]; full takes two.",
            show_default="that of the first ticket's recipe, and 1.5 times it",
        ),
    ] = None,
    norm: o.JudgeNorm = None,
    images: Images = None,
    seed: o.JudgeSeed = 0,
    batch_size: o.JudgeBatchSize = None,
    folder: Folder = None,
    shard: Share = WHOLE,
    overwrite: Anew = False,
    json_output: o.Json = False,
    quiet: o.Quiet = False,
    device: o.Device = "auto",
) -> None:
    """Measure what is left of a random switch under attackers who know every ticket.

    Accuracies are exact expectations over the draws. The worst case counts every image under the
    attack that leaves least of it; it stands beside the best single ticket under the same attacks.
    """
    with user_errors(o.going_on(folder is not None)):
        from scratchticket.attacks.sets import chances
        from scratchticket.experiments.judging import balls_of, some_of
        from scratchticket.experiments.switches import SwitchTask, check_epsilons
        from scratchticket.tickets import check_one_network

        known = _probabilities(probabilities)
        subjects, tickets = _loaded(files)
        first = next(iter(subjects.values()))
        check_one_network(tickets)
        chances(known, len(tickets))
        others, single = ({}, []) if dense is None else _loaded([dense])
        test = _images(tickets + single, data, label_column)
        check_epsilons(suite, epsilon or [])
        where = balls_of(first, test.shape, epsilon or [], norm)  # type: ignore[arg-type]
        task = SwitchTask(
            subjects,
            some_of(test.test, images),
            _source(test),
            where,
            len(test.classes),
            seed,
            batch_size,
            suite=suite,  # type: ignore[arg-type]
            probabilities=known,
            dense=next(iter(others.values()), None),
        )
        record = _carry_out(task, folder, shard, overwrite, device, quiet or json_output)
        if record is None:
            return
        if json_output:
            print(json.dumps(record, indent=2))
            return
        print_switch(record)
        _paths(folder)


def _loaded(files: list[Path]) -> tuple[dict[str, Subject], list[Ticket]]:
    """Load and prove every ticket of some files.

    Raises:
        InputError: If a file cannot be used.
    """
    from scratchticket.experiments.subject import ticket_subject
    from scratchticket.experiments.switches import unique_names
    from scratchticket.tickets import load_tickets

    found = [(path, ticket, n) for path in files for n, ticket in enumerate(load_tickets(path))]
    several = Counter(path for path, _, _ in found)
    names = unique_names([(path, n if several[path] > 1 else None) for path, _, n in found])
    subjects = {
        name: ticket_subject(ticket, path)
        for name, (path, ticket, _) in zip(names, found, strict=True)
    }
    return subjects, [ticket for _, ticket, _ in found]


def _images(tickets: list[Ticket], data: str, label_column: str | None) -> Data:
    """Load images, prepared as those of the first ticket were.

    Raises:
        InputError: If they cannot be used, or do not fit a ticket.
    """
    from scratchticket.data import load_data
    from scratchticket.experiments.recipe import data_like

    test = load_data(data_like(tickets[0], data, label_column))
    tell(test.notes)
    for ticket in tickets:
        ticket.check_data(test.shape, test.classes, test.name)
    return test


def _source(test: Data) -> dict[str, Any]:
    return {"name": Path(test.name).name, "part": "test", "of": len(test.test)}


def _probabilities(text: str | None) -> tuple[float, ...] | None:
    """Read numbers with commas between them.

    Raises:
        InputError: If they are none.
    """
    from scratchticket.errors import InputError

    try:
        return None if text is None else tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"probabilities are numbers with commas, got {text!r}") from None


def _carry_out(  # noqa: PLR0917
    task: Any,
    folder: Path | None,
    shard: str,
    overwrite: bool,
    device: str,
    quiet: bool,
) -> dict[str, Any] | None:
    """Do it, showing progress; say so where other shares are missing."""
    from scratchticket.errors import InputError
    from scratchticket.experiments.records import usable_device
    from scratchticket.experiments.task import carry_out

    share = shard_of(shard)
    if share.count > 1 and folder is None:
        raise InputError("shares meet in a folder: --out")
    with EvaluationProgress(quiet) as progress:
        record = carry_out(
            task,
            folder=folder,
            shard=share,
            overwrite=overwrite,
            device=usable_device(device),
            progress=progress,
        )
    if record is None:
        say_share_done(share, folder)
    return record


def _paths(folder: Path | None) -> None:
    """Print what was written."""
    if folder is not None:
        from scratchticket.experiments.task import EvaluationFolder

        home = EvaluationFolder(folder)
        for path in (home.record, home.picture):
            say(str(path))
