"""Tickets on digits: ratios, inits, patterns, trained relatives, tasks and controls."""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper.cells import Cell
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.comparison import Sign
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.scale import NATURAL, Scale, Settings
from scratchticket.paper.study import DRAW, ROBUST, TRAIN, Rows, row_cells

PERCENTS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90)
INITS = ("kaiming_normal", "kaiming_uniform", "xavier_normal", "signed_xavier_constant")
BASE: Settings = {
    "data.name": "digits",
    "network.name": "resnet18",
    "network.width": 16,
    "attack.epsilon": "0.1",
    "attack.step_size": "0.025",
    "learning.epochs": 40,
}
STRONGER: dict[str, Settings] = {
    ", epsilon x 1.5": {"attack.epsilon": "0.15", "attack.step_size": "0.0375"},
    ", epsilon x 2": {"attack.epsilon": "0.2", "attack.step_size": "0.05"},
}
TASKS = {"digits 0-4": "0,1,2,3,4", "digits 5-9": "5,6,7,8,9"}
SET = (5, 7, 10, 15, 20, 30)  # percents of the tickets of R2S in Table 3
SAME_SIZE = 5  # width of a dense network with about as many weights as a ticket of 10 %
RANDOM_MASK = "control: random mask"
PANEL = "ResNet18 of width 16 on digits"


def ticket_of(percent: int) -> str:
    """Return the name of a ticket's row."""
    return f"ticket, {percent} %"


TICKET = ticket_of(10)


def family(suffix: str, base: Settings) -> Rows:
    """Return rows for a dense network, a ticket, fine-tuned tickets and RTTs."""
    ticket, dense = f"{TICKET}{suffix}", f"dense{suffix}"
    rows: dict[str, Settings] = {dense: base | TRAIN, ticket: base | DRAW}
    for choice in ("inherited", "new"):
        start = {"start.file": ticket, "start.weights": choice}
        rows[f"fine-tuned {choice}{suffix}"] = base | TRAIN | start
    rows[f"RTT natural{suffix}"] = base | DRAW | {"start.file": "dense natural"}
    rows[f"RTT adversarial{suffix}"] = base | DRAW | {"start.file": dense}
    return rows


def study() -> Rows:
    """Return the settings of all rows of the study."""
    rows: dict[str, Settings] = {"dense": BASE | TRAIN, "dense natural": BASE | TRAIN | NATURAL}
    rows |= {ticket_of(p): BASE | DRAW | {"ratio": f"{p / 100:g}"} for p in PERCENTS}
    rows |= {f"init {name}": BASE | DRAW | {"network.init": name} for name in INITS}
    for name in ("row", "kernel", "channel", "2:4"):
        ratio = {"ratio": "0.5"} if name == "2:4" else {}
        rows[f"pattern {name}"] = BASE | DRAW | ratio | {"pattern.granularity": name}
    rows |= {f"attack {name}": BASE | DRAW | {"attack.name": name} for name in ("fgsm", "fgsm-rs")}
    rows |= family("", BASE)
    for suffix, settings in STRONGER.items():
        rows |= family(suffix, BASE | settings)
    for task, other in zip(TASKS, reversed(TASKS), strict=True):
        own = {"data.classes": TASKS[task]}
        rows[f"{other}, trained"] = BASE | TRAIN | {"data.classes": TASKS[other]}
        rows[f"{task}, ticket"] = BASE | DRAW | own
        rows[f"{task}, transferred RTT"] = BASE | DRAW | own | {"start.file": f"{other}, trained"}
    members = [ticket_of(percent) for percent in SET]
    for index, label in enumerate(members[1:], start=1):
        before = (members[0], *(f"{other}, beside others" for other in members[1:index]))
        rows[f"{label}, beside others"] = rows[label] | {"beside.files": before}
    rows["control: narrow dense"] = BASE | TRAIN | {"network.width": SAME_SIZE}
    unlearned = {"learning.learning_rate": 0.0, "learning.epochs": 1}
    rows[RANDOM_MASK] = BASE | DRAW | unlearned
    pruned = {"start.file": "dense", "scores": "weights"}
    rows["control: magnitude-pruned"] = BASE | DRAW | unlearned | pruned
    rows["control: magnitude-pruned, fine-tuned"] = (
        BASE | TRAIN | {"start.file": "control: magnitude-pruned"}
    )
    return rows


def cells(scale: Scale) -> Iterator[Cell]:
    """Do robust scratch tickets exist on digits, and what makes them robust?

    Reproduces  the questions of the paper's Figures 1 to 3, 6 and 8 and of Section 4 with ResNet18
                of width 16 on digits of 8x8 pixels (40 epochs with PGD-7 at epsilon 0.1), with
                controls that the paper lacks.
    Expect      tickets of 10 % and more close to the dense network, far above a random mask and
                above the trained network after magnitude pruning.
    Deviations  those of scale quick, but with 40 epochs, a validation after every epoch, and a
                smaller step size of the inner attack.
    """
    yield from row_cells(scale, PANEL, study())


def _claim(text: str, left: str, sign: Sign, right: str, short: str = "") -> Claim:
    """Return a claim about the robust accuracies of two rows."""
    return Claim(text, sign, rows(left, right, only=ROBUST), short=short)


def _relatives(suffix: str) -> tuple[Claim, ...]:
    """Return the claims about a :func:`family` of rows."""
    ticket, tuned = f"{TICKET}{suffix}", f"fine-tuned inherited{suffix}"
    return (
        _claim(f"A ticket is comparable to a fine-tuned one (5.1){suffix}", ticket, "~", tuned),
        _claim(
            f"Fine-tuned inherited weights beat new ones (5.1){suffix}",
            tuned,
            ">",
            f"fine-tuned new{suffix}",
        ),
        _claim(
            f"An adversarial RTT beats a ticket (5.2){suffix}",
            f"RTT adversarial{suffix}",
            ">",
            ticket,
        ),
        _claim(f"A ticket beats a natural RTT (5.2){suffix}", ticket, ">", f"RTT natural{suffix}"),
    )


DIGITS = PaperRecipe(
    "digits",
    "table",
    cells,
    (
        _claim(
            "A ticket of 10 % is comparable to the dense network (4.2)",
            TICKET,
            "~",
            "dense",
            "a ticket of 10 % matches the dense network",
        ),
        _claim(
            "A ticket of 20 % is comparable to the dense network (4.2)", ticket_of(20), "~", "dense"
        ),
        _claim("A ticket of 10 % beats one of 1 % (4.2)", TICKET, ">", ticket_of(1)),
        _claim("A ticket of 10 % beats one of 90 % (4.2)", TICKET, ">", ticket_of(90)),
        *(
            _claim(f"Init signed_kaiming_constant beats {name} (4.4)", TICKET, ">", f"init {name}")
            for name in INITS[:3]
        ),
        *(
            _claim(f"Masks of elements beat masks of {name}s (4.5)", TICKET, ">", f"pattern {name}")
            for name in ("row", "kernel", "channel")
        ),
        *(
            _claim(f"PGD-7 as inner attack beats {name} (4.6)", TICKET, ">", f"attack {name}")
            for name in ("fgsm", "fgsm-rs")
        ),
        *_relatives(""),
        *(
            claim
            for suffix in STRONGER
            for claim in (
                _claim(
                    f"A ticket is comparable to the dense network (5.3){suffix}",
                    f"{TICKET}{suffix}",
                    "~",
                    f"dense{suffix}",
                ),
                *_relatives(suffix),
            )
        ),
        *(
            _claim(
                f"A ticket beats a transferred RTT on {task} (6.3)",
                f"{task}, ticket",
                ">",
                f"{task}, transferred RTT",
            )
            for task in TASKS
        ),
        _claim(
            "A ticket beats a trained dense network with as many weights (4.2)",
            TICKET,
            ">",
            "control: narrow dense",
            "a ticket of 10 % beats a dense network with as many weights",
        ),
        _claim(
            "A ticket beats a random mask with as many weights",
            TICKET,
            ">",
            RANDOM_MASK,
            "a ticket of 10 % beats a random mask",
        ),
        _claim(
            "A ticket beats the magnitude-pruned dense network",
            TICKET,
            ">",
            "control: magnitude-pruned",
        ),
        _claim(
            "A ticket beats the magnitude-pruned and fine-tuned dense network",
            TICKET,
            ">",
            "control: magnitude-pruned, fine-tuned",
        ),
    ),
    scales=("quick",),
)
