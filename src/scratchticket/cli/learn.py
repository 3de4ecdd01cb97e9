"""The verbs ``draw`` and ``train``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratchticket.cli import options as o
from scratchticket.cli.code import import_network
from scratchticket.cli.device import chosen_device
from scratchticket.cli.settings import preset_settings, with_settings
from scratchticket.cli.shared import with_options
from scratchticket.cli.terminal import (
    LearningProgress,
    out,
    print_json,
    print_notes,
    result_table,
    say,
    user_errors,
)


@dataclass(frozen=True)
class LearningOptions:
    """The options that ``draw`` and ``train`` share."""

    preset: o.Preset = None
    label_column: o.LabelColumn = None
    size: o.Size = None
    colour: o.Colour = None
    classes: o.Classes = None
    network: o.Network = None
    width: o.Width = None
    init: o.Init = None
    start: o.From = None
    attack: o.InnerAttack = None
    epsilon: o.Epsilon = None
    norm: o.Norm = None
    steps: o.Steps = None
    step_size: o.StepSize = None
    epochs: o.Epochs = None
    batch_size: o.BatchSize = None
    learning_rate: o.LearningRate = None
    schedule: o.Schedule = None
    seed: o.Seed = None
    settings: o.Set = None
    resume: o.Resume = False
    overwrite: o.Overwrite = False
    device: o.Device = "auto"
    deterministic: o.Deterministic = False
    track: o.Track = False
    json_output: o.Json = False
    quiet: o.Quiet = False


# Dotted path of the setting that an option sets, by the option's name.
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


def _overrides(task: str, own: dict[str, Any], shared: LearningOptions) -> dict[str, Any]:
    """Return the settings of a run by path; options and ``--set`` override the preset.

    ``own`` holds the options of this task alone, by name.
    """
    values = {path: (vars(shared) | own).get(name) for name, path in PATHS.items()}
    overrides = {"task": task} | {p: value for p, value in values.items() if value is not None}
    overrides = with_settings(overrides, shared.settings)
    preset = preset_settings(shared.preset, overrides)
    if {"start.file", "beside.files"} & overrides.keys():  # the network comes from the file
        preset = {path: v for path, v in preset.items() if not path.startswith("network.")}
    return preset | overrides


def _learn(task: str, folder: Path, own: dict[str, Any], shared: LearningOptions) -> None:
    """Run a recipe in a folder and print the result; see :func:`_overrides`."""
    resume, overwrite = shared.resume, shared.overwrite
    instead = " instead of --overwrite" if overwrite else ""
    with user_errors(f"resume with the same command and --resume{instead}"):
        from scratchticket.base.errors import InputError
        from scratchticket.base.processes import joined
        from scratchticket.base.record import to_json
        from scratchticket.runs.deterministic import deterministic
        from scratchticket.runs.folder import RunFolder
        from scratchticket.runs.run import run
        from scratchticket.runs.start import make_recipe_from_file

        if resume and overwrite:
            raise InputError("give --resume or --overwrite, not both")
        overrides = _overrides(task, own, shared)
        import_network(overrides.get("network.name"), builtin=True)
        recipe = make_recipe_from_file(overrides)
        where = chosen_device(shared.device)
        with deterministic(shared.deterministic), joined(where) as group:
            quiet = shared.quiet or shared.json_output or not group.leads
            with LearningProgress(f"{task} {recipe.network.name}", quiet) as progress:
                record = run(
                    recipe,
                    folder,
                    resume=resume,
                    overwrite=overwrite,
                    device=where,
                    observe=progress,
                    tell=print_notes,
                    track=folder / "tensorboard" if shared.track else None,
                    group=group,
                )
        if not group.leads:
            return
        paths = RunFolder(folder, recipe.task)
        files = (paths.ticket, paths.record, paths.log, paths.curves, paths.examples)
        if shared.json_output:
            print_json({"files": {path.name: str(path) for path in files}, **to_json(record)})
            return
        dense = record.weights.kept == record.weights.total
        label = "ticket" if recipe.task == "draw" else "dense" if dense else "fine-tuned ticket"
        out.print(result_table({label: record}))
        last = record.results.last
        reason = "the best on validation images" if record.selected == "best" else "the last"
        say(
            f"the network of epoch {record.chosen.epoch} was kept, {reason}; "
            f"after the last epoch: natural {last.natural}, robust {last.attacks[0]}"
        )
        for path in files:
            say(str(path))


@with_options(LearningOptions)
def draw(
    data: o.Data,
    out: o.Out,
    ratio: o.Ratio = None,
    granularity: o.Granularity = None,
    search: o.Search = None,
    beside: o.Beside = None,
    *,
    shared: LearningOptions,
) -> None:
    """Draw a robust scratch ticket: search the mask of a random network; no weight is trained."""
    own = {"data": data, "ratio": ratio, "granularity": granularity, "search": search}
    _learn("draw", out, own | {"beside": beside}, shared)


@with_options(LearningOptions)
def train(data: o.Data, out: o.Out, weights: o.Weights = None, *, shared: LearningOptions) -> None:
    """Train the dense network or, with --from TICKET, the weights that remain in a ticket.

    Training is adversarial; with --attack none it is natural.
    """
    _learn("train", out, {"data": data, "weights": weights}, shared)
