"""The verbs ``transfer`` and ``switch evaluate``: several networks at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer import Argument, Option

from scratchticket.cli import options as o
from scratchticket.cli.code import import_network
from scratchticket.cli.judges import (
    WHOLE,
    EvaluationProgress,
    judged_images,
    preparation,
    say_share_done,
    shard_of,
)
from scratchticket.cli.switch_tables import print_matrices, print_switch
from scratchticket.cli.terminal import say, user_errors

if TYPE_CHECKING:
    from scratchticket.data import Data
    from scratchticket.judging.subject import Subject
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
Sources = Annotated[
    list[Path],
    Argument(
        metavar="FILE",
        help="Files of tickets, dense networks or, with --network, state dicts; one that holds "
        "several tickets counts as all of them.",
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
    files: Sources,
    data: o.Data,
    label_column: o.LabelColumn = None,
    size: o.Size = None,
    colour: o.Colour = None,
    classes: o.Classes = None,
    part: o.Part = "test",
    network: o.Code = None,
    normalise: o.Normalise = False,
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
        from scratchticket.base.record import to_json
        from scratchticket.judging.evaluation import balls_of, fixed_choice
        from scratchticket.judging.switches import TransferTask

        found = _opened(files, network)
        first = next((name for name, one in found.items() if one.ticket), next(iter(found)))
        how = preparation(label_column, size, colour, classes)
        test = judged_images(found[first].ticket, data, part, how)
        subjects = _subjects(found, test, network, normalise)
        task = TransferTask(
            subjects,
            fixed_choice(test.test, images),
            test.judged,
            balls_of(subjects[first], test.shape, [epsilon] if epsilon else [], norm),  # type: ignore[arg-type]
            len(test.classes),
            seed,
            batch_size,
        )
        record = _carry_out(task, folder, shard, overwrite, device, quiet or json_output)
        if record is None:
            return
        if json_output:
            print(json.dumps(to_json(record), indent=2))
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
    size: o.Size = None,
    colour: o.Colour = None,
    classes: o.Classes = None,
    part: o.Part = "test",
    network: o.Code = None,
    normalise: o.Normalise = False,
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
        Option(
            help="A dense network to compare with, under the same suite; with --network, a state "
            "dict.",
            show_default=False,
        ),
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
        from scratchticket.base.record import to_json
        from scratchticket.judging.evaluation import balls_of, fixed_choice
        from scratchticket.judging.switches import SwitchTask, check_epsilons
        from scratchticket.tickets import check_one_network

        known = _probabilities(probabilities)
        members = _opened(files, network)
        tickets = [_member(one) for one in members.values()]
        check_one_network(tickets)
        chances(known, len(tickets))
        others = {} if dense is None else _opened([dense], network)
        how = preparation(label_column, size, colour, classes)
        test = judged_images(tickets[0], data, part, how)
        subjects = _subjects(members, test, network, normalise and not others)
        compared = _subjects(others, test, network, normalise)
        check_epsilons(suite, epsilon or [])
        first = next(iter(subjects.values()))
        where = balls_of(first, test.shape, epsilon or [], norm)  # type: ignore[arg-type]
        task = SwitchTask(
            subjects,
            fixed_choice(test.test, images),
            test.judged,
            where,
            len(test.classes),
            seed,
            batch_size,
            suite=suite,  # type: ignore[arg-type]
            probabilities=known,
            dense=next(iter(compared.values()), None),
        )
        record = _carry_out(task, folder, shard, overwrite, device, quiet or json_output)
        if record is None:
            return
        if json_output:
            print(json.dumps(to_json(record), indent=2))
            return
        print_switch(record)
        _paths(folder)


class _Given(NamedTuple):
    """A network that was named on the command line.

    Attributes:
        path: Its file.
        ticket: What that holds; none if it holds something else, such as a state dict.
    """

    path: Path
    ticket: Ticket | None


def _opened(files: list[Path], network: str | None) -> dict[str, _Given]:
    """Load and prove every ticket of some files; a name for each network.

    Raises:
        InputError: If a file or the network's code cannot be used, or a network is given twice.
    """
    from scratchticket.judging.subject import holds_ticket
    from scratchticket.judging.switches import unique_names
    from scratchticket.tickets import load_tickets

    import_network(network, builtin=True)
    found: list[tuple[_Given, int | None]] = []
    for path in files:
        tickets = load_tickets(path) if holds_ticket(path) else [None]
        several = len(tickets) > 1
        found += [(_Given(path, t), n if several else None) for n, t in enumerate(tickets)]
    names = unique_names([(one.path, number) for one, number in found])
    return dict(zip(names, (one for one, _ in found), strict=True))


def _member(one: _Given) -> Ticket:
    """Return a ticket of a switch.

    Raises:
        InputError: If it is none.
    """
    from scratchticket.base.errors import InputError

    if one.ticket is None:
        raise InputError(f"{one.path} holds no ticket; a switch is between tickets")
    return one.ticket


def _subjects(
    found: dict[str, _Given], test: Data, network: str | None, normalise: bool
) -> dict[str, Subject]:
    """Return who is judged; ``normalise`` is for networks that are no tickets.

    Raises:
        InputError: If a network does not fit its file or the images, or all are tickets and are to
            be normalised.
    """
    from scratchticket.judging.subject import make_subject

    tickets_alone = all(one.ticket for one in found.values())
    return {
        name: make_subject(
            path,
            ticket,
            test,
            network=network,
            normalise=normalise and (tickets_alone or ticket is None),
        )
        for name, (path, ticket) in found.items()
    }


def _probabilities(text: str | None) -> tuple[float, ...] | None:
    """Read numbers with commas between them.

    Raises:
        InputError: If they are none.
    """
    from scratchticket.base.errors import InputError

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
) -> Any:
    """Do it, showing progress; say so where other shares are missing."""
    from scratchticket.base.errors import InputError
    from scratchticket.judging.task import carry_out
    from scratchticket.runs.records import usable_device

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
        from scratchticket.judging.task import EvaluationFolder

        home = EvaluationFolder(folder)
        for path in (home.record, home.picture):
            say(str(path))
