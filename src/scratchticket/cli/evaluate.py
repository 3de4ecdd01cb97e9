"""The verb ``evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.box import SIMPLE
from rich.table import Table
from typer import Option

from scratchticket.cli import options as o
from scratchticket.cli.judges import (
    WHOLE,
    EvaluationProgress,
    opened,
    preparation,
    say_share_done,
    shard_of,
    subject_of,
)
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

ONE, MANY = "One attack", "A suite of attacks"


def evaluate(
    ticket: o.Judged,
    data: o.SomeData = None,
    label_column: o.LabelColumn = None,
    size: o.Size = None,
    colour: o.Colour = None,
    classes: o.Classes = None,
    part: o.Part = "test",
    index: o.Index = None,
    network: o.Code = None,
    normalise: o.Normalise = False,
    suite: Annotated[
        str | None,
        Option(
            help="quick: minutes, at most 200 images; paper: the attacks of its Tables 2 and 6; "
            "full: everything, AutoAttack included.",
            show_default="one attack",
            rich_help_panel=MANY,
        ),
    ] = None,
    l2_epsilon: Annotated[
        list[str] | None,
        Option(
            help="Radii of the Euclidean balls of a suite.",
            show_default="0.5, 1.71, 2 on CIFAR, scaled elsewhere",
            rich_help_panel=MANY,
        ),
    ] = None,
    attack: Annotated[
        str | None,
        Option(
            help=f"{', '.join(o.TOLD['attacks'])}, or autoattack.",
            show_default="pgd",
            rich_help_panel=ONE,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        Option(help="Steps of the attack.", show_default="20 of pgd", rich_help_panel=ONE),
    ] = None,
    step_size: o.JudgeStepSize = None,
    settings: o.AttackSet = None,
    epsilon: o.Epsilons = None,
    norm: o.JudgeNorm = None,
    images: Annotated[
        int | None,
        Option(
            help="How many test images, a fixed choice.",
            show_default="all; 200 for quick",
        ),
    ] = None,
    seed: o.JudgeSeed = 0,
    batch_size: o.JudgeBatchSize = None,
    adversarial: Annotated[
        Path | None,
        Option(
            help="Score the adversarial images of this file, made by the verb attack.",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        Option(
            "--out",
            help="Folder for record, picture and what is needed to go on.",
            show_default="of a suite, beside the file: NAME-SUITE",
            rich_help_panel=o.RUN,
        ),
    ] = None,
    shard: Annotated[
        str,
        Option(
            help="Do share I of N (I/N); the same folder for all, on one machine or several; "
            "torchrun's processes share by themselves.",
            rich_help_panel=o.RUN,
        ),
    ] = WHOLE,
    overwrite: Annotated[
        bool,
        Option(
            "--overwrite",
            help="Begin anew instead of going on with what the folder holds.",
            rich_help_panel=o.RUN,
        ),
    ] = False,
    json_output: o.Json = False,
    quiet: o.Quiet = False,
    device: o.Device = "auto",
    deterministic: o.Deterministic = False,
) -> None:
    """Measure natural and robust accuracy: of a ticket, a dense network or a network of your own.

    A suite is resumed by the same command; its record, journal and picture are in its folder.
    """
    with user_errors(o.going_on(bool(suite or folder or shard != WHOLE))):
        from scratchticket.base.errors import InputError
        from scratchticket.base.record import to_json
        from scratchticket.judging.evaluation import evaluation_task
        from scratchticket.judging.task import EvaluationFolder, carry_out
        from scratchticket.runs import deterministic as strictly
        from scratchticket.runs.records import usable_device
        from scratchticket.tickets.locate import is_path, short_name

        given = {"steps": steps, "step_size": step_size}
        changed = with_settings({n: v for n, v in given.items() if v is not None}, settings)
        if adversarial is not None:
            other = part if part != "test" else None
            besides = {
                **{"data": data, "label-column": label_column, "size": size, "colour": colour},
                **{"classes": classes, "part": other, "suite": suite, "attack": attack},
                "out": folder,
            }
            extra = [f"--{name}" for name, value in besides.items() if value] or changed
            if extra:
                raise InputError(
                    "--adversarial brings its own images and attack: leave out " + ", ".join(extra)
                )
            about, scored = _scored(adversarial, ticket, index, network, normalise, device)
            if json_output:
                print(json.dumps(about, indent=2))
            else:
                _print(f"{ticket} on {adversarial}", scored)
            return
        if suite is not None and (attack is not None or changed):
            raise InputError("a suite has its own attacks: give --suite or --attack, not both")
        how = preparation(label_column, size, colour, classes)
        subject, test = subject_of(ticket, data, part, how, index, network, normalise)
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
        share = shard_of(shard)
        if folder is None and (suite is not None or share.count > 1):
            parent = ticket.parent if is_path(ticket) else Path()
            folder = parent / f"{short_name(ticket)}-{suite or attack or 'pgd'}"
        where = usable_device(device)
        strict = strictly.deterministic(deterministic)
        with strict, EvaluationProgress(quiet or json_output) as progress:
            record = carry_out(
                task,
                folder=folder,
                shard=share,
                overwrite=overwrite,
                device=where,
                progress=progress,
            )
        if record is None:
            say_share_done(share, folder)
            return
        some = f"{len(task.images)} {'test ' * (part == 'test')}images"
        if json_output:
            print(json.dumps({"ticket": str(ticket), **to_json(record)}, indent=2))
            return
        _print(f"{ticket} on {some} of {data}", record)
        if folder is not None:
            home = EvaluationFolder(folder)
            for path in (home.record, home.picture, home.journal(share)):
                say(str(path))


def _scored(  # noqa: PLR0917
    adversarial: Path,
    path: Path,
    index: int | None,
    network: str | None,
    normalise: bool,
    device: str,
) -> tuple[dict[str, Any], Accuracies]:
    """Return the accuracy of a network on a file of adversarial images, also as JSON values."""
    from scratchticket.base.record import to_json
    from scratchticket.judging import adversarial as files
    from scratchticket.judging.subject import make_subject
    from scratchticket.networks import placed
    from scratchticket.runs.records import machine, usable_device, versions

    ticket = opened(path, index, network)
    made, where = files.load(adversarial), usable_device(device)
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
    """Print accuracies, the worst cases, and what warns."""
    from scratchticket.base.record import EvaluationRecord

    table = Table(title=cell(title), title_justify="left", box=SIMPLE)
    table.add_column("attack")
    for heading in ("right", "%", "95 %", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)

    def row(label: str, counts: Counts, seconds: str = "") -> None:
        right, percent = f"{counts.correct}/{counts.total}", f"{counts.percent:.1f}"
        table.add_row(cell(label), right, percent, counts.interval_text, seconds)

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
