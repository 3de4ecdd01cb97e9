"""The verbs ``transfer`` and ``switch evaluate``, which evaluate several networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer import Argument, Option

from scratchticket.cli import options as o
from scratchticket.cli.attack_verbs import (
    ONE_SHARD,
    EvaluationProgress,
    load_images,
    preparation,
    print_shard_done,
    read_shard,
)
from scratchticket.cli.code import import_network
from scratchticket.cli.device import chosen_device
from scratchticket.cli.shared import with_options
from scratchticket.cli.switch_tables import print_matrices, print_switch
from scratchticket.cli.terminal import say, user_errors

if TYPE_CHECKING:
    from scratchticket.data import Data
    from scratchticket.judging.subject import Subject
    from scratchticket.tickets import Ticket

app = typer.Typer(help="Evaluate a random switch between tickets of one network (R2S).")

Files = Annotated[
    list[Path],
    Argument(
        metavar="FILE",
        help="Ticket files; all tickets of a file are used.",
        show_default=False,
    ),
]
Sources = Annotated[
    list[Path],
    Argument(
        metavar="FILE",
        help="Files of tickets, dense networks or, with --network, state dicts; all tickets of a "
        "file are used.",
        show_default=False,
    ),
]
Images = Annotated[
    int | None,
    Option(
        help="Number of test images; the same number always selects the same images.",
        show_default="all",
    ),
]
Folder = Annotated[
    Path | None,
    Option(
        "--out",
        help="Folder for the record, the picture and the journal to resume from.",
        show_default="nothing is saved",
        rich_help_panel=o.RUN,
    ),
]


@dataclass(frozen=True)
class SetOptions:
    """The options that ``transfer`` and ``switch evaluate`` share."""

    label_column: o.LabelColumn = None
    size: o.TicketSize = None
    colour: o.TicketColour = None
    classes: o.TicketClasses = None
    part: o.Part = "test"
    network: o.Code = None
    normalise: o.Normalise = False
    norm: o.AttackNorm = None
    images: Images = None
    seed: o.AttackSeed = 0
    batch_size: o.AttackBatchSize = None
    folder: Folder = None
    shard: o.ShardText = ONE_SHARD
    overwrite: o.OverwriteEvaluation = False
    json_output: o.Json = False
    quiet: o.Quiet = False
    device: o.Device = "auto"


@with_options(SetOptions)
def transfer(
    files: Sources,
    data: o.Data,
    epsilon: Annotated[
        str | None,
        Option(
            help="Radius of the ball in units of pixels in [0, 1], such as 8/255 or 0.1.",
            show_default="the first ticket's, else 8/255",
        ),
    ] = None,
    *,
    shared: SetOptions,
) -> None:
    """Attack each network, and evaluate all networks on its images: the transfer matrix.

    The first matrix follows the paper's code: the search for an image stops as soon as the attacked
    network is fooled. For the other matrices, all searches run to the end; their images transfer
    better. Networks may have different seeds, and may be dense.
    """
    with user_errors(o.how_to_resume(shared.folder is not None)):
        from scratchticket.judging.evaluation import balls_of, fixed_choice
        from scratchticket.judging.switches import TransferTask

        loaded = _load(files, shared.network)
        first = next((name for name, one in loaded.items() if one.ticket), next(iter(loaded)))
        prepared = preparation(shared.label_column, shared.size, shared.colour, shared.classes)
        test = load_images(loaded[first].ticket, data, shared.part, prepared)
        subjects = _subjects(loaded, test, shared.network, shared.normalise)
        task = TransferTask(
            subjects,
            fixed_choice(test.test, shared.images),
            test.judged,
            balls_of(subjects[first], test.shape, [epsilon] if epsilon else [], shared.norm),  # type: ignore[arg-type]
            len(test.classes),
            shared.seed,
            shared.batch_size,
        )
        _carry_out(task, shared, print_matrices)


@app.callback()
def _switch() -> None:
    """Evaluate a random switch between tickets of one network (R2S)."""


@app.command()
@with_options(SetOptions)
def evaluate(
    files: Files,
    data: o.Data,
    suite: Annotated[
        str,
        Option(
            help="quick: the paper's protocol and the strongest adaptive attacks; full: all "
            "attacks, AutoAttack in the paper's protocol, EOT with several sample sizes, and new "
            "attacks against the optimal probabilities of the tickets.",
        ),
    ] = "quick",
    probabilities: Annotated[
        str | None,
        Option(help="Probabilities of the tickets: 0.5,0.3,0.2.", show_default="all equal"),
    ] = None,
    dense: Annotated[
        Path | None,
        Option(
            help="Dense network, or with --network a state dict, to compare with under the same "
            "suite.",
            show_default=False,
        ),
    ] = None,
    epsilon: Annotated[
        list[str] | None,
        Option(
            help="Radius of the ball in units of pixels in [0, 1]; give two for full.",
            show_default="the first ticket's and 1.5 times that",
        ),
    ] = None,
    *,
    shared: SetOptions,
) -> None:
    """Measure the robust accuracy of a random switch under attacks that know every ticket.

    Accuracies are exact expectations over the random draws. The worst case takes, for each image,
    the attack with the lowest expected accuracy; it is compared with the best single ticket under
    the same attacks.
    """
    with user_errors(o.how_to_resume(shared.folder is not None)):
        from scratchticket.attacks.sets import chances
        from scratchticket.judging.evaluation import balls_of, fixed_choice
        from scratchticket.judging.switches import SwitchTask, check_epsilons
        from scratchticket.tickets import check_one_network

        weights = _probabilities(probabilities)
        members = _load(files, shared.network)
        tickets = [_ticket(one) for one in members.values()]
        check_one_network(tickets)
        chances(weights, len(tickets))
        others = {} if dense is None else _load([dense], shared.network)
        prepared = preparation(shared.label_column, shared.size, shared.colour, shared.classes)
        test = load_images(tickets[0], data, shared.part, prepared)
        subjects = _subjects(members, test, shared.network, shared.normalise and not others)
        compared = _subjects(others, test, shared.network, shared.normalise)
        check_epsilons(suite, epsilon or [])
        first = next(iter(subjects.values()))
        balls = balls_of(first, test.shape, epsilon or [], shared.norm)  # type: ignore[arg-type]
        task = SwitchTask(
            subjects,
            fixed_choice(test.test, shared.images),
            test.judged,
            balls,
            len(test.classes),
            shared.seed,
            shared.batch_size,
            suite=suite,  # type: ignore[arg-type]
            probabilities=weights,
            dense=next(iter(compared.values()), None),
        )
        _carry_out(task, shared, print_switch)


class _NetworkFile(NamedTuple):
    """A network given on the command line; ``ticket`` is None for a state dict."""

    path: Path
    ticket: Ticket | None


def _load(files: list[Path], network: str | None) -> dict[str, _NetworkFile]:
    """Return the networks of some files under unique names; tickets are loaded and verified."""
    from scratchticket.judging.subject import holds_ticket
    from scratchticket.judging.switches import unique_names
    from scratchticket.tickets import load_tickets

    import_network(network, builtin=True)
    found: list[tuple[_NetworkFile, int | None]] = []
    for path in files:
        tickets = load_tickets(path) if holds_ticket(path) else [None]
        several = len(tickets) > 1
        found += [(_NetworkFile(path, t), n if several else None) for n, t in enumerate(tickets)]
    names = unique_names([(one.path, index) for one, index in found])
    return dict(zip(names, (one for one, _ in found), strict=True))


def _ticket(one: _NetworkFile) -> Ticket:
    """Return the ticket of a file; raise an error if it holds none."""
    from scratchticket.base.errors import InputError

    if one.ticket is None:
        raise InputError(f"{one.path} holds no ticket; a switch needs tickets")
    return one.ticket


def _subjects(
    loaded: dict[str, _NetworkFile], test: Data, network: str | None, normalise: bool
) -> dict[str, Subject]:
    """Return the networks to evaluate.

    ``normalise`` applies to networks that are not tickets; if all are tickets, it is an error.
    """
    from scratchticket.judging.subject import make_subject

    only_tickets = all(one.ticket for one in loaded.values())
    return {
        name: make_subject(
            path,
            ticket,
            test,
            network=network,
            normalise=normalise and (only_tickets or ticket is None),
        )
        for name, (path, ticket) in loaded.items()
    }


def _probabilities(text: str | None) -> tuple[float, ...] | None:
    """Return the probabilities in a comma-separated list; None if there is none."""
    from scratchticket.base.errors import InputError

    try:
        return None if text is None else tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"probabilities are comma-separated numbers, got {text!r}") from None


def _carry_out(task: Any, shared: SetOptions, show: Callable[[Any], None]) -> None:
    """Run an evaluation with a progress bar, and print its record and the files written."""
    from scratchticket.base.errors import InputError
    from scratchticket.base.record import to_json
    from scratchticket.judging.task import EvaluationFolder, carry_out

    folder, this_shard = shared.folder, read_shard(shared.shard)
    if this_shard.count > 1 and folder is None:
        raise InputError("--shard needs --out, a folder that all shards share")
    with EvaluationProgress(shared.quiet or shared.json_output) as progress:
        record = carry_out(
            task,
            folder=folder,
            shard=this_shard,
            overwrite=shared.overwrite,
            device=chosen_device(shared.device),
            progress=progress,
        )
    if record is None:
        print_shard_done(this_shard, folder)
    elif shared.json_output:
        print(json.dumps(to_json(record), indent=2))
    else:
        show(record)
        if folder is not None:
            files = EvaluationFolder(folder)
            for path in (files.record, files.picture):
                say(str(path))
