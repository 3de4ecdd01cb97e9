"""The verbs ``draw`` and ``train``: one loop, two tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scratchticket.cli import options as o
from scratchticket.cli.terminal import (
    LearningProgress,
    out,
    percent,
    result_table,
    user_errors,
)


def _overrides(given: dict[str, Any], settings: list[str] | None) -> dict[str, Any]:
    """Return the dotted settings that options and ``--set`` ask for."""
    from scratchticket.errors import InputError

    overrides = {path: value for path, value in given.items() if value is not None}
    for setting in settings or []:
        path, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"--set takes PATH=VALUE, got {setting!r}")
        if path in overrides:
            raise InputError(f"{path} is given twice: {overrides[path]} and {value}")
        overrides[path] = value
    return overrides


def learn(
    given: dict[str, Any],
    settings: list[str] | None,
    folder: Path,
    *,
    resume: bool,
    overwrite: bool,
    device: str,
    quiet: bool,
) -> None:
    """Run a recipe in a folder and print what came out."""
    instead = " instead of --overwrite" if overwrite else ""
    with user_errors(f"go on with the same command and --resume{instead}"):
        from scratchticket.errors import InputError
        from scratchticket.experiments.recipe import make_recipe
        from scratchticket.experiments.records import usable_device
        from scratchticket.experiments.run import RunFolder, run

        if resume and overwrite:
            raise InputError("--resume and --overwrite exclude each other")
        recipe = make_recipe(_overrides(given, settings))
        where = usable_device(device)
        with LearningProgress(f"{recipe.task} {recipe.network.name}", quiet) as progress:
            record = run(
                recipe,
                folder,
                resume=resume,
                overwrite=overwrite,
                device=where,
                observe=progress,
            )
        home = RunFolder(folder, recipe.task)
        label = "ticket" if recipe.task == "draw" else "dense network"
        out.print(result_table({label: record}))
        chosen = record["results"][record["selected"]]
        last = record["results"]["last"]
        best = "the best on validation images"
        reason = best if record["selected"] == "best" else "the last"
        out.print(
            f"of epoch {chosen['epoch']}, {reason}; the last epoch: natural "
            f"{percent(last['natural'])}, robust {percent(last['attacks'][0])}",
            soft_wrap=True,
        )
        for path in (home.ticket, home.record, home.log, home.curves, home.examples):
            out.print(str(path), soft_wrap=True, markup=False)


def draw(
    data: o.Data,
    out: o.Out,
    network: o.Network = None,
    width: o.Width = None,
    ratio: o.Ratio = None,
    attack: o.InnerAttack = None,
    epsilon: o.Epsilon = None,
    steps: o.Steps = None,
    step_size: o.StepSize = None,
    epochs: o.Epochs = None,
    batch_size: o.BatchSize = None,
    learning_rate: o.LearningRate = None,
    schedule: o.Schedule = None,
    seed: o.Seed = None,
    settings: o.Set = None,
    resume: o.Resume = False,
    overwrite: o.Overwrite = False,
    device: o.Device = "auto",
    quiet: o.Quiet = False,
) -> None:
    """Draw a robust scratch ticket: search the mask of a random network; no weight is trained."""
    given = {
        "task": "draw",
        "data": data,
        "network.name": network,
        "network.width": width,
        "ratio": ratio,
        "attack.name": attack,
        "attack.epsilon": epsilon,
        "attack.steps": steps,
        "attack.step_size": step_size,
        "learning.epochs": epochs,
        "learning.batch_size": batch_size,
        "learning.learning_rate": learning_rate,
        "learning.schedule": schedule,
        "seed": seed,
    }
    learn(given, settings, out, resume=resume, overwrite=overwrite, device=device, quiet=quiet)


def train(
    data: o.Data,
    out: o.Out,
    network: o.Network = None,
    width: o.Width = None,
    attack: o.InnerAttack = None,
    epsilon: o.Epsilon = None,
    steps: o.Steps = None,
    step_size: o.StepSize = None,
    epochs: o.Epochs = None,
    batch_size: o.BatchSize = None,
    learning_rate: o.LearningRate = None,
    schedule: o.Schedule = None,
    seed: o.Seed = None,
    settings: o.Set = None,
    resume: o.Resume = False,
    overwrite: o.Overwrite = False,
    device: o.Device = "auto",
    quiet: o.Quiet = False,
) -> None:
    """Train the dense network, adversarially or (--attack none) naturally: the paper's baseline."""
    given = {
        "task": "train",
        "data": data,
        "network.name": network,
        "network.width": width,
        "attack.name": attack,
        "attack.epsilon": epsilon,
        "attack.steps": steps,
        "attack.step_size": step_size,
        "learning.epochs": epochs,
        "learning.batch_size": batch_size,
        "learning.learning_rate": learning_rate,
        "learning.schedule": schedule,
        "seed": seed,
    }
    learn(given, settings, out, resume=resume, overwrite=overwrite, device=device, quiet=quiet)
