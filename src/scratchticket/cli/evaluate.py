"""The verb ``evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.box import SIMPLE
from rich.table import Table
from typer import Option

from scratchticket.cli import options as o
from scratchticket.cli.attack_verbs import (
    ONE_SHARD,
    EvaluationProgress,
    load_subject,
    load_ticket,
    preparation,
    print_shard_done,
    read_shard,
)
from scratchticket.cli.device import chosen_device
from scratchticket.cli.settings import with_settings
from scratchticket.cli.terminal import (
    cell,
    out,
    print_signs,
    say,
    user_errors,
)

if TYPE_CHECKING:
    from scratchticket.base.record import Accuracies, Counts, EvaluationRecord

SUITE = "Suite of attacks"


def evaluate(
    ticket: o.NetworkFile,
    data: o.OptionalData = None,
    label_column: o.LabelColumn = None,
    size: o.TicketSize = None,
    colour: o.TicketColour = None,
    classes: o.TicketClasses = None,
    part: o.Part = "test",
    index: o.Index = None,
    network: o.Code = None,
    normalise: o.Normalise = False,
    suite: Annotated[
        str | None,
        Option(
            help="quick: takes minutes, at most 200 images; paper: the attacks of the paper's "
            "Tables 2 and 6; full: all attacks, AutoAttack included.",
            show_default="one attack",
            rich_help_panel=SUITE,
        ),
    ] = None,
    l2_epsilon: Annotated[
        list[str] | None,
        Option(
            help="Radius of an l2 ball of the suite; repeatable.",
            show_default="0.5, 1.71 and 2 on CIFAR, scaled to other image sizes",
            rich_help_panel=SUITE,
        ),
    ] = None,
    attack: Annotated[
        str | None,
        Option(
            help=f"{', '.join(o.HELP['attacks'])}, or autoattack.",
            show_default="pgd",
            rich_help_panel=o.ONE_ATTACK,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        Option(
            help="Steps of the attack.", show_default="20 for pgd", rich_help_panel=o.ONE_ATTACK
        ),
    ] = None,
    step_size: o.AttackStepSize = None,
    settings: o.AttackSet = None,
    epsilon: o.AttackEpsilons = None,
    norm: o.AttackNorm = None,
    images: Annotated[
        int | None,
        Option(
            help="Number of test images; the same number always selects the same images.",
            show_default="all; 200 for quick",
        ),
    ] = None,
    seed: o.AttackSeed = 0,
    batch_size: o.AttackBatchSize = None,
    adversarial: Annotated[
        Path | None,
        Option(
            help="Evaluate on the adversarial images in this file, written by the verb attack.",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        Option(
            "--out",
            help="Folder for the record, the picture and the journal to resume from.",
            show_default="NAME-SUITE next to the file, for a suite",
            rich_help_panel=o.RUN,
        ),
    ] = None,
    shard: o.ShardText = ONE_SHARD,
    overwrite: o.OverwriteEvaluation = False,
    json_output: o.Json = False,
    quiet: o.Quiet = False,
    device: o.Device = "auto",
    deterministic: o.Deterministic = False,
) -> None:
    """Measure the natural and robust accuracy of a ticket or of any other network.

    A suite writes its record, journal and picture to a folder; the same command resumes it.
    """
    with user_errors(o.how_to_resume(bool(suite or folder or shard != ONE_SHARD))):
        from scratchticket.base.errors import InputError
        from scratchticket.base.record import to_json
        from scratchticket.judging.evaluation import evaluation_task
        from scratchticket.judging.task import EvaluationFolder, carry_out
        from scratchticket.runs import deterministic as algorithms
        from scratchticket.tickets.locate import is_path, short_name

        options = {"steps": steps, "step_size": step_size}
        changed = with_settings({n: v for n, v in options.items() if v is not None}, settings)
        if adversarial is not None:
            other_part = part if part != "test" else None
            excluded = {
                **{"data": data, "label-column": label_column, "size": size, "colour": colour},
                **{"classes": classes, "part": other_part, "suite": suite, "attack": attack},
                "out": folder,
            }
            extra = [f"--{name}" for name, value in excluded.items() if value] or changed
            if extra:
                raise InputError(
                    "--adversarial takes images and attack from its file; leave out "
                    + ", ".join(extra)
                )
            values, scored = _evaluated_on_file(
                adversarial, ticket, index, network, normalise, device
            )
            if json_output:
                print(json.dumps(values, indent=2))
            else:
                _print(f"{ticket} on {adversarial}", scored)
            return
        if suite is not None and (attack is not None or changed):
            raise InputError(
                "a suite has its own attacks: give --suite, or --attack and its settings"
            )
        prepared = preparation(label_column, size, colour, classes)
        subject, test = load_subject(ticket, data, part, prepared, index, network, normalise)
        task = evaluation_task(
            subject,
            test,
            suite_name=suite,  # type: ignore[arg-type]
            attack=attack or "pgd",
            settings=changed,
            epsilons=epsilon or (),
            l2=l2_epsilon or (),
            norm=norm,  # type: ignore[arg-type]
            count=images,
            seed=seed,
            batch_size=batch_size,
        )
        this_shard = read_shard(shard)
        if folder is None and (suite is not None or this_shard.count > 1):
            parent = ticket.parent if is_path(ticket) else Path()
            folder = parent / f"{short_name(ticket)}-{suite or attack or 'pgd'}"
        where = chosen_device(device)
        strict = algorithms.deterministic(deterministic)
        with strict, EvaluationProgress(quiet or json_output) as progress:
            record = carry_out(
                task,
                folder=folder,
                shard=this_shard,
                overwrite=overwrite,
                device=where,
                progress=progress,
            )
        if record is None:
            print_shard_done(this_shard, folder)
            return
        judged = f"{len(task.images)} {'test ' * (part == 'test')}images"
        if json_output:
            print(json.dumps({"ticket": str(ticket), **to_json(record)}, indent=2))
            return
        _print(f"{ticket} on {judged} of {data}", record)
        if folder is not None:
            files = EvaluationFolder(folder)
            for path in (files.record, files.picture, files.journal(this_shard)):
                say(str(path))


def _evaluated_on_file(  # noqa: PLR0917
    adversarial: Path,
    path: Path,
    index: int | None,
    network: str | None,
    normalise: bool,
    device: str,
) -> tuple[dict[str, Any], Accuracies]:
    """Return the accuracies of a network on a file of adversarial images, also as JSON values."""
    from scratchticket.base.record import to_json
    from scratchticket.judging import adversarial as files
    from scratchticket.judging.subject import make_subject
    from scratchticket.networks import placed
    from scratchticket.runs.records import machine, versions

    ticket = load_ticket(path, index, network)
    made, where = files.load(adversarial), chosen_device(device)
    subject = make_subject(path, ticket, made, network=network, normalise=normalise)
    placed(subject.network, where)
    scored = files.score(made, subject)
    about = {
        "subject": subject.description,
        "data": to_json(made.metadata.data),
        **to_json(scored),
        "machine": machine(where),
        "versions": versions(),
    }
    return about, scored


def _print(title: str, record: EvaluationRecord | Accuracies) -> None:
    """Print accuracies, worst cases and warning signs."""
    from scratchticket.base.record import EvaluationRecord

    table = Table(title=cell(title), title_justify="left", box=SIMPLE)
    table.add_column("attack")
    for heading in ("correct", "%", "95 % interval", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)

    def row(label: str, counts: Counts, seconds: str = "") -> None:
        correct, percent = f"{counts.correct}/{counts.total}", f"{counts.percent:.1f}"
        table.add_row(cell(label), correct, percent, counts.interval_text, seconds)

    row("none (natural)", record.natural)
    for attack in record.attacks:
        row(attack.title, attack, "" if attack.seconds is None else f"{attack.seconds:.1f}")
    whole = record if isinstance(record, EvaluationRecord) else None
    if whole and len(whole.attacks) > 1:
        table.add_section()
        for worst in whole.worst_cases:
            row(f"worst case, {worst.norm}, {worst.epsilon}", worst)
    out.print(table)
    print_signs(whole.warning_signs if whole else ())
