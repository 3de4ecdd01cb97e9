"""The verb ``attack``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from scratchticket.cli import options as o
from scratchticket.cli.judges import EvaluationProgress, preparation, subject_of
from scratchticket.cli.settings import with_settings
from scratchticket.cli.terminal import say, user_errors


def attack(
    file: o.Judged,
    data: o.Data,
    to: Annotated[
        Path,
        Option("--out", help="File to write, .npz or .parquet.", show_default=False),
    ],
    label_column: o.LabelColumn = None,
    size: o.Size = None,
    colour: o.Colour = None,
    classes: o.Classes = None,
    part: o.Part = "test",
    index: o.Index = None,
    network: o.Code = None,
    normalise: o.Normalise = False,
    name: Annotated[
        str,
        Option(
            "--attack",
            help="pgd, cw-inf, apgd-ce, apgd-dlr, apgd-t, cw-l2, bandits, square, fgsm, fgsm-rs, "
            "noise.",
        ),
    ] = "pgd",
    steps: Annotated[
        int | None, Option(help="Steps of the attack.", show_default="20 of pgd")
    ] = None,
    step_size: o.JudgeStepSize = None,
    settings: o.AttackSet = None,
    epsilon: Annotated[
        str | None,
        Option(
            help="Radius of the ball, pixels in [0, 1].",
            show_default="that of the ticket's recipe, else 8/255",
        ),
    ] = None,
    norm: o.JudgeNorm = None,
    images: Annotated[
        int | None,
        Option(help="How many test images, a fixed choice.", show_default="all"),
    ] = None,
    seed: o.JudgeSeed = 0,
    quiet: o.Quiet = False,
    device: o.Device = "auto",
) -> None:
    """Write adversarial images to a file, for use elsewhere and for evaluate --adversarial.

    Attacks that can go on after they have fooled the network do so, and keep the image of the
    largest loss: it fools other networks better than the first that fools this one. --set
    keep=first keeps that one.
    """
    with user_errors():
        from scratchticket.attacks import without_early_stopping
        from scratchticket.base.errors import InputError
        from scratchticket.base.files import check_writable
        from scratchticket.judging import adversarial
        from scratchticket.judging.evaluation import evaluation_task
        from scratchticket.networks import placed
        from scratchticket.runs.records import usable_device

        adversarial.check_name(to)
        if to.exists():
            raise InputError(f"{to} exists; choose another --out")
        check_writable(to)
        given = {"steps": steps, "step_size": step_size}
        changed = with_settings({n: v for n, v in given.items() if v is not None}, settings)
        how = preparation(label_column, size, colour, classes)
        subject, test = subject_of(file, data, part, how, index, network, normalise)
        task = evaluation_task(
            subject,
            test,
            attack=name,
            settings=changed,
            epsilons=() if epsilon is None else (epsilon,),
            norm=norm,  # type: ignore[arg-type]
            count=images,
            seed=seed,
        )
        if len(task.attacks) != 1:
            raise InputError(f"{name} is no single attack; take one, such as pgd or apgd-t")
        made_with = (
            task.attacks[0] if "keep" in changed else without_early_stopping(task.attacks[0])
        )
        placed(subject.network, usable_device(device))
        with EvaluationProgress(quiet) as progress:
            made = adversarial.attacked_images(
                subject,
                task.images,
                made_with,
                data=test,
                seed=seed,
                progress=progress,
            )
        adversarial.save(made, to)
        say(f"{made_with}: {made.fooled} of {len(made)} images in {to} fool {file.name}")
