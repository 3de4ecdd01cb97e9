"""Options that several verbs share.

Options for settings of the recipe default to None, so that ``--set`` can change these settings too.
Their help is copied from the docstrings of the recipe's dataclasses to ``settings.json`` by
``tools/option_table.py``, because importing the dataclasses imports PyTorch and would delay
``--help``.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

SETTINGS = "Settings of the recipe"
RUN = "Execution"
ONE_ATTACK = "One attack"
HELP: dict[str, Any] = json.loads(files("scratchticket.cli").joinpath("settings.json").read_text())


def setting(path: str, *flags: str, **other: Any) -> Any:
    """Return the option for a setting of the recipe.

    Args:
        path: Dotted path of the setting.
        flags: Names of the option; the parameter's name if not given.
        other: Further arguments of ``Option``, such as ``show_default`` if the default depends on
            other settings.
    """
    entry = HELP["settings"][path]
    text = entry["help"]
    if entry["choices"]:
        text += f" Choices: {', '.join(entry['choices'])}."
    default = {"show_default": str(entry["default"]), "rich_help_panel": SETTINGS}
    return Option(*flags, help=text, **(default | other))


TicketFile = Annotated[
    Path, Argument(help="File of a ticket or a dense network.", show_default=False)
]
NetworkFile = Annotated[
    Path,
    Argument(
        metavar="FILE",
        help="File of a ticket or a dense network; with --network also a state dict.",
        show_default=False,
    ),
]
Index = Annotated[
    int | None,
    Option(help="Index of the ticket, from 0, if the file holds several.", show_default=False),
]
_DATA = setting("data.name", show_default=False, rich_help_panel=None)
Data = Annotated[str, _DATA]
Part = Annotated[
    str,
    Option(
        help="Images to evaluate on: test, or all if the network was trained on none of the data."
    ),
]
OptionalData = Annotated[str | None, _DATA]
LabelColumn = Annotated[
    str | None, setting("data.label_column", show_default="found by type", rich_help_panel=None)
]
Size = Annotated[int | None, setting("data.size", show_default="unchanged", rich_help_panel=None)]
Colour = Annotated[str | None, setting("data.colour", rich_help_panel=None)]
Classes = Annotated[str | None, setting("data.classes", show_default="all", rich_help_panel=None)]
TicketSize = Annotated[
    int | None,
    setting("data.size", show_default="the ticket's, else unchanged", rich_help_panel=None),
]
TicketColour = Annotated[
    str | None,
    setting("data.colour", show_default="the ticket's, else keep", rich_help_panel=None),
]
TicketClasses = Annotated[
    str | None,
    setting("data.classes", show_default="the ticket's, else all", rich_help_panel=None),
]
Preset = Annotated[
    str | None,
    Option(
        help="Named settings. cifar, svhn, imagenet: the paper's; cifar-released, svhn-released, "
        "imagenet-released: the released code's. cifar-fast, svhn-fast: a fifth of the operations "
        "of cifar or svhn; fast: a fifth of those of the default settings. strong, cifar-strong: a "
        "stronger search. Other options override a preset.",
        show_default="settings for small data",
        rich_help_panel=SETTINGS,
    ),
]
Network = Annotated[str | None, setting("network.name")]
Width = Annotated[int | None, setting("network.width", show_default="64; wide networks: 16")]
Init = Annotated[str | None, setting("network.init")]
Granularity = Annotated[str | None, setting("pattern.granularity")]
Search = Annotated[str | None, setting("search.name")]
From = Annotated[str | None, setting("start.file", "--from", show_default="a random network")]
Weights = Annotated[str | None, setting("start.weights")]
Beside = Annotated[list[str] | None, setting("beside.files", show_default=False)]
Code = Annotated[
    str | None,
    Option(
        "--network",
        help="Factory that builds the file's network: package.module:factory or timm:NAME. Its "
        "code is executed.",
        show_default=False,
    ),
]
Normalise = Annotated[
    bool,
    Option(
        "--normalise",
        help="Normalise pixels with the data's mean and standard deviation before the network.",
    ),
]
AttackEpsilons = Annotated[
    list[str] | None,
    Option(
        help="Radius of the ball in units of pixels in [0, 1], such as 8/255 or 0.1; repeatable.",
        show_default="the ticket's, else 8/255; for a suite, 1, 1.5 and 2 times that",
    ),
]
AttackNorm = Annotated[
    str | None,
    Option("--norm", help="Norm of the ball: linf or l2.", show_default="the ticket's, else linf"),
]
AttackBatchSize = Annotated[
    int | None,
    Option(
        "--batch-size",
        help="Images per batch.",
        show_default="256 for 32x32 pixels, more for smaller images",
    ),
]
AttackSeed = Annotated[int, Option("--seed", help="Seed of the attacks' random draws.")]
AttackStepSize = Annotated[
    str | None,
    Option(
        "--step-size",
        help="Step size of pgd, in units of pixels in [0, 1].",
        show_default="2/255 at l-inf epsilon 8/255, else 2.5 epsilon / steps",
        rich_help_panel=ONE_ATTACK,
    ),
]
AttackSet = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any setting of the attack: restarts=10, loss=margin, queries=1000; repeatable.",
        show_default=False,
        rich_help_panel=ONE_ATTACK,
    ),
]
Ratio = Annotated[str | None, setting("ratio")]
InnerAttack = Annotated[str | None, setting("attack.name", "--attack")]
Epsilon = Annotated[str | None, setting("attack.epsilon")]
Norm = Annotated[str | None, setting("attack.norm")]
Steps = Annotated[int | None, setting("attack.steps")]
StepSize = Annotated[
    str | None,
    setting(
        "attack.step_size", show_default="2/255 at l-inf epsilon 8/255, else 2.5 epsilon / steps"
    ),
]
Epochs = Annotated[int | None, setting("learning.epochs")]
BatchSize = Annotated[int | None, setting("learning.batch_size")]
LearningRate = Annotated[float | None, setting("learning.learning_rate")]
Schedule = Annotated[str | None, setting("learning.schedule")]
Seed = Annotated[int | None, setting("seed")]
Set = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="PATH=VALUE",
        help="Any setting by its dotted path, such as network.width=16; repeatable.",
        show_default=False,
        rich_help_panel=SETTINGS,
    ),
]
Out = Annotated[Path, Option(help="Folder for all files of the run.", show_default=False)]
Resume = Annotated[
    bool,
    Option(
        "--resume",
        help="Resume the run in the folder; start one if there is none.",
        rich_help_panel=RUN,
    ),
]
Overwrite = Annotated[
    bool, Option("--overwrite", help="Replace the run in the folder.", rich_help_panel=RUN)
]
OverwriteEvaluation = Annotated[
    bool,
    Option(
        "--overwrite",
        help="Start again instead of resuming the evaluation in the folder.",
        rich_help_panel=RUN,
    ),
]
ShardText = Annotated[
    str,
    Option(
        "--shard",
        help="Do only shard I of N, written I/N. All shards, on one machine or several, need "
        "the same folder. Under torchrun, each process does one shard.",
        rich_help_panel=RUN,
    ),
]
Device = Annotated[
    str, Option(help="cpu, cuda, cuda:1, or auto (cuda if available).", rich_help_panel=RUN)
]
Deterministic = Annotated[
    bool,
    Option(
        "--deterministic",
        help="Use only deterministic algorithms: on this machine the command always gives the same "
        "bits, or fails and names the operation that prevents it. On a CPU the built-in networks "
        "are deterministic anyway.",
        rich_help_panel=RUN,
    ),
]
Quiet = Annotated[
    bool, Option("--quiet", help="Print no progress, only the result.", rich_help_panel=RUN)
]
Track = Annotated[
    bool,
    Option(
        "--track",
        help="Also write losses and accuracies for TensorBoard, to the folder tensorboard.",
        rich_help_panel=RUN,
    ),
]
Json = Annotated[bool, Option("--json", help="Print JSON instead of a table.")]


def how_to_resume(saved: bool) -> str:
    """Return how to resume an interrupted evaluation, given whether results are saved."""
    return "resume with the same command" if saved else "nothing is saved without --out"
