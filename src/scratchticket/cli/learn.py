"""The verbs ``draw`` and ``train``: one loop, two tasks."""

from __future__ import annotations

from typing import Any

from scratchticket.cli import options as o
from scratchticket.cli.code import import_network
from scratchticket.cli.settings import preset_settings, with_settings
from scratchticket.cli.terminal import (
    LearningProgress,
    out,
    print_json,
    result_table,
    say,
    tell,
    user_errors,
)

PATHS = {
    "data": "data.name",
    "label_column": "data.label_column",
    "size": "data.size",
    "colour": "data.colour",
    "classes": "data.classes",
    "network": "network.name",
    "width": "network.width",
    "init": "network.init",
    "ratio": "ratio",
    "granularity": "pattern.granularity",
    "search": "search.name",
    "start": "start.file",
    "weights": "start.weights",
    "beside": "beside.files",
    "attack": "attack.name",
    "epsilon": "attack.epsilon",
    "norm": "attack.norm",
    "steps": "attack.steps",
    "step_size": "attack.step_size",
    "epochs": "learning.epochs",
    "batch_size": "learning.batch_size",
    "learning_rate": "learning.learning_rate",
    "schedule": "learning.schedule",
    "seed": "seed",
}


def _overrides(task: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the dotted settings that a preset, options and ``--set`` ask for, the last first."""
    given = {path: options.get(name) for name, path in PATHS.items()}
    overrides = {"task": task} | {p: value for p, value in given.items() if value is not None}
    overrides = with_settings(overrides, options["settings"])
    preset = preset_settings(options["preset"], task)
    if {"start.file", "beside.files"} & overrides.keys():  # whose network it is, then
        preset = {path: v for path, v in preset.items() if not path.startswith("network.")}
    return preset | overrides


def _learn(task: str, options: dict[str, Any]) -> None:
    """Run a recipe in a folder and print what came out.

    Args:
        task: ``draw`` or ``train``.
        options: The verb's options by name.
    """
    folder, resume, overwrite = options["out"], options["resume"], options["overwrite"]
    instead = " instead of --overwrite" if overwrite else ""
    with user_errors(f"go on with the same command and --resume{instead}"):
        from scratchticket.base.errors import InputError
        from scratchticket.base.processes import joined
        from scratchticket.base.record import to_json
        from scratchticket.runs.deterministic import deterministic
        from scratchticket.runs.folder import RunFolder
        from scratchticket.runs.records import usable_device
        from scratchticket.runs.run import run
        from scratchticket.runs.start import make_recipe_from_file

        if resume and overwrite:
            raise InputError("--resume and --overwrite exclude each other")
        overrides = _overrides(task, options)
        import_network(overrides.get("network.name"), builtin=True)
        recipe = make_recipe_from_file(overrides)
        where = usable_device(options["device"])
        with deterministic(options["deterministic"]), joined(where) as group:
            quiet = options["quiet"] or options["json_output"] or not group.leads
            with LearningProgress(f"{task} {recipe.network.name}", quiet) as progress:
                record = run(
                    recipe,
                    folder,
                    resume=resume,
                    overwrite=overwrite,
                    device=where,
                    observe=progress,
                    tell=tell,
                    track=folder / "tensorboard" if options["track"] else None,
                    group=group,
                )
        if not group.leads:
            return
        home = RunFolder(folder, recipe.task)
        files = (home.ticket, home.record, home.log, home.curves, home.examples)
        if options["json_output"]:
            print_json({"files": {path.name: str(path) for path in files}, **to_json(record)})
            return
        dense = record.weights.kept == record.weights.total
        label = "ticket" if recipe.task == "draw" else "dense" if dense else "fine-tuned ticket"
        out.print(result_table({label: record}))
        last = record.results.last
        reason = "the best on validation images" if record.selected == "best" else "the last"
        say(
            f"of epoch {record.chosen.epoch}, {reason}; the last epoch: natural {last.natural}, "
            f"robust {last.attacks[0]}"
        )
        for path in files:
            say(str(path))


def draw(
    data: o.Data,
    out: o.Out,
    preset: o.Preset = None,
    label_column: o.LabelColumn = None,
    size: o.Size = None,
    colour: o.Colour = None,
    classes: o.Classes = None,
    network: o.Network = None,
    width: o.Width = None,
    init: o.Init = None,
    ratio: o.Ratio = None,
    granularity: o.Granularity = None,
    search: o.Search = None,
    start: o.From = None,
    beside: o.Beside = None,
    attack: o.InnerAttack = None,
    epsilon: o.Epsilon = None,
    norm: o.Norm = None,
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
    deterministic: o.Deterministic = False,
    track: o.Track = False,
    json_output: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Draw a robust scratch ticket: search the mask of a random network; no weight is trained."""
    _learn("draw", locals())


def train(
    data: o.Data,
    out: o.Out,
    preset: o.Preset = None,
    label_column: o.LabelColumn = None,
    size: o.Size = None,
    colour: o.Colour = None,
    classes: o.Classes = None,
    network: o.Network = None,
    width: o.Width = None,
    init: o.Init = None,
    start: o.From = None,
    weights: o.Weights = None,
    attack: o.InnerAttack = None,
    epsilon: o.Epsilon = None,
    norm: o.Norm = None,
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
    deterministic: o.Deterministic = False,
    track: o.Track = False,
    json_output: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Train weights: of the dense network, or (--from TICKET) those that remain in a ticket.

    Adversarially, or with --attack none naturally.
    """
    _learn("train", locals())
