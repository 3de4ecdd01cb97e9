"""Options that several verbs share, documented once.

Options that stand for a setting of the recipe default to none, so that ``--set`` can reach the same
setting. What is said of them comes from the recipe's dataclasses, through ``settings.json``, which
``tools/option_table.py`` makes: a help that imported them would wait for PyTorch.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

SETTINGS = "Settings of the recipe"
RUN = "The run"
TOLD: dict[str, Any] = json.loads(files("scratchticket.cli").joinpath("settings.json").read_text())


def setting(path: str, *flags: str, **other: Any) -> Any:
    """Return the option of a setting of the recipe.

    Args:
        path: Its dotted path.
        flags: Names of the option, if not that of the parameter.
        other: What differs: ``show_default`` where a default is more than a value.
    """
    told = TOLD["settings"][path]
    text = told["help"]
    if told["choices"]:
        text += f" Choices: {', '.join(told['choices'])}."
    default = {"show_default": str(told["default"]), "rich_help_panel": SETTINGS}
    return Option(*flags, help=text, **(default | other))


TicketPath = Annotated[
    Path, Argument(help="File of a ticket or of a dense network.", show_default=False)
]
Judged = Annotated[
    Path,
    Argument(
        metavar="FILE",
        help="File of a ticket or of a dense network; or, with --network, a state dict.",
        show_default=False,
    ),
]
Index = Annotated[
    int | None,
    Option(help="Which ticket of a file that holds several, from 0.", show_default=False),
]
_DATA = setting("data.name", show_default=False, rich_help_panel=None)
Data = Annotated[str, _DATA]
Part = Annotated[
    str,
    Option(
        help="Which images judge: test; or all there are, of data on which nothing was trained."
    ),
]
SomeData = Annotated[str | None, _DATA]
LabelColumn = Annotated[
    str | None, setting("data.label_column", show_default="found by its type", rich_help_panel=None)
]
Size = Annotated[
    int | None,
    setting(
        "data.size", show_default="as they are; of a ticket, as its own were", rich_help_panel=None
    ),
]
Colour = Annotated[
    str | None,
    setting("data.colour", show_default="keep; of a ticket, as its own were", rich_help_panel=None),
]
Classes = Annotated[
    str | None,
    setting("data.classes", show_default="all; of a ticket, its own", rich_help_panel=None),
]
Preset = Annotated[
    str | None,
    Option(
        help="The paper's settings: cifar, svhn, imagenet; with -released those of its code, with "
        "-fast a search of a fifth of the work (fast alone: of the defaults). Other options come "
        "on top.",
        show_default="settings for small data",
        rich_help_panel=SETTINGS,
    ),
]
Network = Annotated[str | None, setting("network.name")]
Width = Annotated[int | None, setting("network.width", show_default="64, of wide networks 16")]
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
        help="Where the code of the file's network is, package.module:factory; it will be run.",
        show_default=False,
    ),
]
Normalise = Annotated[
    bool,
    Option(
        "--normalise",
        help="Put the data's normalisation in front of a network that does not take pixels in "
        "[0, 1].",
    ),
]
Epsilons = Annotated[
    list[str] | None,
    Option(
        help="Radius of the ball, pixels in [0, 1]: 8/255 or 0.1; repeat for several.",
        show_default="that of the ticket's recipe, else 8/255; of a suite 1, 1.5 and 2 times it",
    ),
]
JudgeNorm = Annotated[
    str | None,
    Option("--norm", help="Of the ball: linf or l2.", show_default="that of the ticket's recipe"),
]
JudgeBatchSize = Annotated[
    int | None,
    Option(
        "--batch-size",
        help="Images at a time.",
        show_default="256 of 32x32 pixels, more of smaller",
    ),
]
JudgeSeed = Annotated[int, Option("--seed", help="Of the attacks' random draws.")]
JudgeStepSize = Annotated[
    str | None,
    Option(
        "--step-size",
        help="Step of pgd, pixels in [0, 1].",
        show_default="2/255 at l-inf epsilon 8/255, else 2.5 epsilon / steps",
        rich_help_panel="One attack",
    ),
]
AttackSet = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any setting of the attack: restarts=10, loss=margin, queries=1000; repeat as needed.",
        show_default=False,
        rich_help_panel="One attack",
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
        help="Any setting by its dotted path: network.width=16; repeat as needed.",
        show_default=False,
        rich_help_panel=SETTINGS,
    ),
]
Out = Annotated[Path, Option(help="Folder for everything the run writes.", show_default=False)]
Resume = Annotated[
    bool,
    Option(
        "--resume",
        help="Go on with the run in the folder; start afresh if there is none.",
        rich_help_panel=RUN,
    ),
]
Overwrite = Annotated[
    bool, Option("--overwrite", help="Replace the run in the folder.", rich_help_panel=RUN)
]
Device = Annotated[
    str, Option(help="cpu, cuda, cuda:1, or auto (cuda if there is one).", rich_help_panel=RUN)
]
Deterministic = Annotated[
    bool,
    Option(
        "--deterministic",
        help="Only deterministic algorithms: the same command gives the same bits twice on this "
        "machine, or says what stands in the way. On a CPU the networks that come with the program "
        "do so anyway.",
        rich_help_panel=RUN,
    ),
]
Quiet = Annotated[
    bool, Option("--quiet", help="No progress, only the result.", rich_help_panel=RUN)
]
Track = Annotated[
    bool,
    Option(
        "--track",
        help="Write losses and accuracies for TensorBoard too, to a folder `tensorboard`.",
        rich_help_panel=RUN,
    ),
]
Json = Annotated[bool, Option("--json", help="Print JSON instead of a table.")]


def going_on(kept: bool) -> str:
    """Return how to go on after an interruption of what keeps its findings in a folder."""
    return "go on with the same command" if kept else "nothing is kept without --out"
