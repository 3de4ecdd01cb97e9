"""Options that several verbs share, documented once.

Options that stand for a setting of the recipe default to none, so that ``--set`` can reach the same
setting; the defaults shown are those of the recipe's dataclasses, which a test compares.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

SETTINGS = "Settings of the recipe"
RUN = "The run"

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
_DATA = Option(
    help="digits, cifar10, cifar100, svhn, imagenet; or the path of a Parquet folder, an image "
    "folder or an .npz file.",
    show_default=False,
)
Data = Annotated[str, _DATA]
Part = Annotated[
    str,
    Option(
        help="Which images judge: test; or all there are, of data on which nothing was trained."
    ),
]
SomeData = Annotated[str | None, _DATA]
LabelColumn = Annotated[
    str | None,
    Option(help="Which column of Parquet data is the label.", show_default="found by its type"),
]
Size = Annotated[
    int | None,
    Option(
        help="Resize all images: the shorter side to so many pixels, then a centre crop.",
        show_default="as they are; of a ticket, as its own were",
    ),
]
Colour = Annotated[
    str | None,
    Option(
        help="Convert all images: rgb or grey; or keep.",
        show_default="keep; of a ticket, as its own were",
    ),
]
Classes = Annotated[
    str | None,
    Option(
        help="The classes to keep, in the order of their numbers: names with commas, a list in "
        "JSON, or a file with a name on each line or JSON, such as torchvision's class_to_idx.",
        show_default="all; of a ticket, its own",
    ),
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
Network = Annotated[
    str | None,
    Option(
        help="resnet18, preact_resnet18, wide_resnet, wideresnet32, imagenet_resnet18, "
        "imagenet_resnet50, imagenet_resnet101, conv4; package.module:factory for one of your own; "
        "timm:NAME.",
        show_default="resnet18",
        rich_help_panel=SETTINGS,
    ),
]
Width = Annotated[
    int | None,
    Option(
        help="Channels of the network's first stage.",
        show_default="64, of wide networks 16",
        rich_help_panel=SETTINGS,
    ),
]
Init = Annotated[
    str | None,
    Option(
        help="How random weights are drawn: signed_kaiming_constant, kaiming_normal, "
        "kaiming_uniform, xavier_normal, signed_xavier_constant.",
        show_default="signed_kaiming_constant",
        rich_help_panel=SETTINGS,
    ),
]
Granularity = Annotated[
    str | None,
    Option(
        help="What stands or falls together: element, row, kernel, channel, or N of M: 2:4.",
        show_default="element",
        rich_help_panel=SETTINGS,
    ),
]
Search = Annotated[
    str | None,
    Option(
        help="How the mask is searched for: paper; --set search.NAME=VALUE changes a part of it.",
        show_default="paper",
        rich_help_panel=SETTINGS,
    ),
]
From = Annotated[
    str | None,
    Option(
        "--from",
        help="File of a trained network or a ticket to go on from.",
        show_default="a random network",
        rich_help_panel=SETTINGS,
    ),
]
Weights = Annotated[
    str | None,
    Option(
        help="With --from: train the file's weights (inherited), or new random ones (new).",
        show_default="inherited",
        rich_help_panel=SETTINGS,
    ),
]
Beside = Annotated[
    list[str] | None,
    Option(
        help="A ticket file: the inner attack is made on its tickets too, as on a switch between "
        "them and the new one; repeat for several.",
        show_default=False,
        rich_help_panel=SETTINGS,
    ),
]
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
Ratio = Annotated[
    str | None,
    Option(
        help="Fraction of each layer's weights that remain, in (0, 1].",
        show_default="0.1",
        rich_help_panel=SETTINGS,
    ),
]
InnerAttack = Annotated[
    str | None,
    Option(
        "--attack",
        help="Inner attack: pgd, fgsm, fgsm-rs, n-fgsm, or none (natural).",
        show_default="pgd",
        rich_help_panel=SETTINGS,
    ),
]
Epsilon = Annotated[
    str | None,
    Option(
        help="Radius of the ball, pixels in [0, 1]: 8/255 or 0.1.",
        show_default="8/255",
        rich_help_panel=SETTINGS,
    ),
]
Norm = Annotated[
    str | None,
    Option(
        help="Of the ball: linf or l2.",
        show_default="linf",
        rich_help_panel=SETTINGS,
    ),
]
Steps = Annotated[
    int | None,
    Option(help="Steps of the inner attack.", show_default="7", rich_help_panel=SETTINGS),
]
StepSize = Annotated[
    str | None,
    Option(
        help="Step of the attack, pixels in [0, 1].",
        show_default="2/255 at l-inf epsilon 8/255, else 2.5 epsilon / steps",
        rich_help_panel=SETTINGS,
    ),
]
Epochs = Annotated[
    int | None,
    Option(help="Passes over the training images.", show_default="20", rich_help_panel=SETTINGS),
]
BatchSize = Annotated[
    int | None, Option(help="Images per step.", show_default="64", rich_help_panel=SETTINGS)
]
LearningRate = Annotated[
    float | None,
    Option(help="Learning rate of the first step.", show_default="0.1", rich_help_panel=SETTINGS),
]
Schedule = Annotated[
    str | None,
    Option(
        help="cosine (per step), milestones (/10 at 1/2 and 3/4), constant.",
        show_default="cosine",
        rich_help_panel=SETTINGS,
    ),
]
Seed = Annotated[
    int | None,
    Option(
        help="Of weights, scores, batches and attack starts.",
        show_default="0",
        rich_help_panel=SETTINGS,
    ),
]
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
