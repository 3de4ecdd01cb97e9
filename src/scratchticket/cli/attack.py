"""The verb ``attack``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from scratchticket.cli import options as o
from scratchticket.cli.attack_verbs import EvaluationProgress, load_subject, preparation
from scratchticket.cli.device import chosen_device
from scratchticket.cli.settings import with_settings
from scratchticket.cli.terminal import say, user_errors


def attack(
    file: o.NetworkFile,
    data: o.Data,
    to: Annotated[
        Path,
        Option(
            "--out", help="File to write: .npz or .parquet; must not exist.", show_default=False
        ),
    ],
    label_column: o.LabelColumn = None,
    size: o.TicketSize = None,
    colour: o.TicketColour = None,
    classes: o.TicketClasses = None,
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
        int | None, Option(help="Steps of the attack.", show_default="20 for pgd")
    ] = None,
    step_size: o.AttackStepSize = None,
    settings: o.AttackSet = None,
    epsilon: Annotated[
        str | None,
        Option(
            help="Radius of the ball in units of pixels in [0, 1], such as 8/255 or 0.1.",
            show_default="the ticket's, else 8/255",
        ),
    ] = None,
    norm: o.AttackNorm = None,
    images: Annotated[
        int | None,
        Option(
            help="Number of test images; the same number always selects the same images.",
            show_default="all",
        ),
    ] = None,
    seed: o.AttackSeed = 0,
    quiet: o.Quiet = False,
    device: o.Device = "auto",
) -> None:
    """Write adversarial images to a file, for evaluate --adversarial or other programs.

    Attacks with the setting keep go on after they have fooled the network, and return the image
    with the largest loss, which transfers better to other networks. With --set keep=first they stop
    at the first image that fools the network.
    """
    with user_errors():
        from scratchticket.attacks import without_early_stopping
        from scratchticket.base.errors import InputError
        from scratchticket.base.files import check_writable
        from scratchticket.judging import adversarial
        from scratchticket.judging.evaluation import evaluation_task
        from scratchticket.networks import placed

        adversarial.check_name(to)
        if to.exists():
            raise InputError(f"{to} exists; choose another --out")
        check_writable(to)
        options = {"steps": steps, "step_size": step_size}
        changed = with_settings({n: v for n, v in options.items() if v is not None}, settings)
        prepared = preparation(label_column, size, colour, classes)
        subject, test = load_subject(file, data, part, prepared, index, network, normalise)
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
            raise InputError(f"{name} is not a single attack; use one such as pgd or apgd-t")
        used = task.attacks[0] if "keep" in changed else without_early_stopping(task.attacks[0])
        placed(subject.network, chosen_device(device))
        with EvaluationProgress(quiet) as progress:
            made = adversarial.attacked_images(
                subject,
                task.images,
                used,
                data=test,
                seed=seed,
                progress=progress,
            )
        adversarial.save(made, to)
        say(f"{used}: {made.fooled} of {len(made)} images in {to} fool {file.name}")
