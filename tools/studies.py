"""The rows of each study: label to settings. What is a file in a recipe names another row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from scratchticket.attacks import Attack, Bandits, Stage
from scratchticket.data import Data
from scratchticket.evaluation import Balls, balls, suite
from scratchticket.learning import LearningRecipe
from scratchticket.runs.presets import PRESETS

Study = dict[str, dict[str, Any]]
SHORT = {  # what a label calls a setting of learning
    "learning_rate": "rate",
    "batch_size": "batches of",
    "warmup": "which it reaches in",
}

PERCENT = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90)
RATIOS = tuple(f"{percent / 100:g}" for percent in PERCENT)
INITS = ("kaiming_normal", "kaiming_uniform", "xavier_normal", "signed_xavier_constant")
DIGITS: dict[str, Any] = {
    "data.name": "digits",
    "network.name": "resnet18",
    "network.width": 16,
    "attack.epsilon": "0.1",
    "attack.step_size": "0.025",
    "learning.epochs": 40,
}
DEFAULTS = {  # of a draw, but for epsilon and the network's width
    name: DIGITS[name] for name in ("data.name", "network.name", "network.width", "attack.epsilon")
}
CIFAR10: dict[str, Any] = {
    **{name: value for name, value in PRESETS["cifar"].items() if name != "ratio"},
    "data.name": "./cifar10",
    "data.train_images": 20_000,
    "data.validation": "0.02",
    "network.width": 16,
    "attack.steps": 3,
    "attack.step_size": "4/255",
    "learning.epochs": 16,
    "learning.batch_size": 64,
    "learning.schedule": "cosine",
    "learning.validate_every": 16,
}
NATURAL = {"attack.name": "none"}  # judged at the same epsilon
DRAW, TRAIN = {"task": "draw", "ratio": "0.1"}, {"task": "train"}
TASKS = {"digits 0-4": "0,1,2,3,4", "digits 5-9": "5,6,7,8,9"}
SET = (5, 7, 10, 15, 20, 30)  # percents of the tickets that the paper switches between, Table 3
SAME_SIZE = 5  # width of a dense network with about as many weights as a tenth of width 16


def stronger(factor: str) -> dict[str, Any]:
    """Return the settings of an epsilon so many times larger, the step in proportion."""
    epsilon, step = {"1.5": ("0.15", "0.0375"), "2": ("0.2", "0.05")}[factor]
    return {"attack.epsilon": epsilon, "attack.step_size": step}


def ticket_of(remaining: str) -> str:
    """Return the label of a ticket of some ratio."""
    return "ticket" if remaining == DRAW["ratio"] else f"ratio {remaining}"


def percent_label(percent: int) -> str:
    """Return the label of a ticket of some percent."""
    return ticket_of(f"{percent / 100:g}")


def family(suffix: str, base: dict[str, Any]) -> Study:
    """Return a ticket and its relatives: dense, fine-tuned, drawn from trained networks."""
    ticket, dense = f"ticket{suffix}", f"dense{suffix}"
    rows: Study = {dense: base | TRAIN, ticket: base | DRAW}
    for choice in ("inherited", "new"):
        start = {"start.file": ticket, "start.weights": choice}
        rows[f"fine-tuned {choice}{suffix}"] = base | TRAIN | start
    rows[f"RTT natural{suffix}"] = base | DRAW | {"start.file": "dense natural"}
    rows[f"RTT adversarial{suffix}"] = base | DRAW | {"start.file": dense}
    return rows


def digits() -> Study:
    """Return the study on digits."""
    rows: Study = {"dense": DIGITS | TRAIN, "dense natural": DIGITS | TRAIN | NATURAL}
    rows |= {ticket_of(r): DIGITS | DRAW | {"ratio": r} for r in RATIOS}
    rows |= {f"init {name}": DIGITS | DRAW | {"network.init": name} for name in INITS}
    for name in ("row", "kernel", "channel", "2:4"):
        ratio = {"ratio": "0.5"} if name == "2:4" else {}
        rows[f"pattern {name}"] = DIGITS | DRAW | ratio | {"pattern.granularity": name}
    for name in ("fgsm", "fgsm-rs"):
        rows[f"attack {name}"] = DIGITS | DRAW | {"attack.name": name}
    rows |= family("", DIGITS)
    for factor in ("1.5", "2"):
        rows |= family(f", epsilon x {factor}", DIGITS | stronger(factor))
    for (task, classes), (other, theirs) in zip(
        TASKS.items(), reversed(TASKS.items()), strict=True
    ):
        own = {"data.classes": classes}
        rows[f"{other}, trained"] = DIGITS | TRAIN | {"data.classes": theirs}
        rows[f"{task}, ticket"] = DIGITS | DRAW | own
        rows[f"{task}, transferred RTT"] = DIGITS | DRAW | own | {"start.file": f"{other}, trained"}
    members = tuple(percent_label(percent) for percent in SET)
    for index, label in enumerate(members[1:], start=1):
        before = (members[0], *(f"beside {other}" for other in members[1:index]))
        rows[f"beside {label}"] = rows[label] | {"beside.files": before}
    rows["control: narrow dense"] = DIGITS | TRAIN | {"network.width": SAME_SIZE}
    still = {"learning.learning_rate": 0.0, "learning.epochs": 1}
    rows["control: random mask"] = DIGITS | DRAW | still
    pruned = {"start.file": "dense", "scores": "weights"}
    rows["control: magnitude-pruned"] = DIGITS | DRAW | still | pruned
    rows["control: magnitude-pruned, fine-tuned"] = (
        DIGITS | TRAIN | {"start.file": "control: magnitude-pruned"}
    )
    return rows


def dense_digits() -> Study:
    """Return the two dense networks of the gallery's digits, as small as a tenth of width 16."""
    small = DIGITS | TRAIN | {"network.width": SAME_SIZE}
    return {"natural": small | NATURAL, "robust": small}


def cifar10() -> Study:
    """Return the study on a part of CIFAR-10, whose Parquet files are expected in ./cifar10.

    What is less than in the paper, so that a run fits two processor cores: width 16 instead of 64,
    20,000 of the training images, 16 epochs instead of 160 in batches of 64 instead of 256, PGD-3
    instead of PGD-7 inside. Only the last epoch is validated, so it is the one that is judged.
    """
    rows: Study = {"dense": CIFAR10 | TRAIN}
    return rows | {
        f"ticket {r}": CIFAR10 | {"task": "draw", "ratio": r} for r in ("0.05", "0.1", "0.2")
    }


def small_cifar10() -> dict[str, Any]:
    """Return settings that let several searches fit an hour: half the width and images, PGD-7."""
    half = {"data.train_images": 10_000, "network.width": 8, "attack.steps": 7}
    return CIFAR10 | half | {"attack.step_size": None}


def search(base: dict[str, Any], attack: str, epochs: int, **more: Any) -> Study:
    """Return a search of so many epochs by its label.

    Args:
        base: Settings of the data, the network and the attack.
        attack: ``PGD-k`` or ``FGSM-RS``.
        epochs: Of the search.
        more: Other settings of ``learning``.
    """
    steps = 1 if attack == "FGSM-RS" else int(attack.removeprefix("PGD-"))
    settings: dict[str, Any] = {
        "attack.name": "fgsm-rs" if steps == 1 else "pgd",
        "attack.steps": steps,
    }
    if steps != 7:
        settings["attack.step_size"] = None
    if base.get("learning.validate_every") == base.get("learning.epochs", 0):
        more = {"validate_every": epochs} | more
    settings |= {f"learning.{name}": value for name, value in more.items()}
    words = [attack, f"{epochs} epochs"]
    words += [f"{SHORT[name]} {value:g}" for name, value in more.items() if name in SHORT]
    return {", ".join(words): base | DRAW | settings | {"learning.epochs": epochs}}


def cheaper(base: dict[str, Any]) -> Study:
    """Return a search with PGD-7, and others at a share of its passes through the network."""
    epochs = base["learning.epochs"]
    half_batch = base.get("learning.batch_size", LearningRecipe().batch_size) // 2
    rows = search(base, "PGD-7", epochs) | search(base, "PGD-7", epochs // 2)
    for steps in (3, 2):
        rows |= search(base, f"PGD-{steps}", round(epochs * 8 / 5 / (steps + 1)))
    for attack, length in (("PGD-7", epochs // 5), ("FGSM-RS", round(epochs * 4 / 5))):
        rows |= search(base, attack, length)
        for rate in (0.3, 1.0):
            rows |= search(base, attack, length, learning_rate=rate)
        rows |= search(base, attack, length, batch_size=half_batch)
    for length in (round(epochs * 2 / 5), round(epochs / 5)):
        rows |= search(base, "FGSM-RS", length)
        rows |= search(base, "FGSM-RS", length, learning_rate=0.3)
    return rows


def one_cycle(base: dict[str, Any], epochs: int, **more: Any) -> Study:
    """Return searches whose learning rate rises to three or ten times the usual one, and falls."""
    rows: Study = {}
    for rate in (0.3, 1.0):
        rows |= search(base, "FGSM-RS", epochs, learning_rate=rate, warmup=epochs // 3, **more)
    return rows


def seldom_judged(base: dict[str, Any], lengths: tuple[int, ...]) -> Study:
    """Return searches with FGSM-RS that are also validated less often, which costs as much."""
    rows: Study = {}
    few = {"validate_every": 8}
    for length in lengths:
        for rate in (0.1, 0.3, 1.0):
            rows |= search(base, "FGSM-RS", length, learning_rate=rate, **few)
        rows |= search(base, "FGSM-RS", length, batch_size=32, **few)
        rows |= search(base, "FGSM-RS", length, learning_rate=0.3, batch_size=128, **few)
        rows |= one_cycle(base, length, **few)
    return rows


def faster_steps() -> Study:
    """Return the ticket of the study on digits, its steps made in the ways that may be faster."""
    half, compiled = {"learning.precision": "bfloat16"}, {"learning.compile": "default"}
    contiguous = {"learning.memory_format": "contiguous"}
    ways: Study = {
        "float32": {},
        "bfloat16": half,
        "float32, contiguous": contiguous,
        "float32, compiled": compiled,
        "bfloat16, compiled": half | compiled,
    }
    return {label: DIGITS | DRAW | way for label, way in ways.items()}


LIKELY = (  # of those searches, what is worth an hour on CIFAR-10 after digits
    "PGD-7, 16 epochs",
    "FGSM-RS, 13 epochs",
    "FGSM-RS, 13 epochs, rate 0.3",
    "FGSM-RS, 6 epochs, rate 0.3",
    "PGD-7, 3 epochs, rate 0.3",
)
GALLERY = {  # rows whose tickets are kept in the repository
    "digits": (
        *map(percent_label, (3, 5, 7, 10, 15, 20, 30, 40)),
        *(f"beside {percent_label(percent)}" for percent in SET[1:]),
    ),
    "dense-digits": ("natural", "robust"),
    "cifar10": ("dense", "ticket 0.05", "ticket 0.1", "ticket 0.2"),
}
STUDIES = {
    "digits": digits(),
    "dense-digits": dense_digits(),
    "cifar10": cifar10(),
    "fast-digits": cheaper(DIGITS) | seldom_judged(DIGITS, (26, 30)),
    "fast-defaults": search(DEFAULTS, "PGD-7", 20) | seldom_judged(DEFAULTS, (13, 15)),
    "precision-digits": faster_steps(),
    "fast-cifar10": {label: cheaper(small_cifar10())[label] for label in LIKELY}
    | search(small_cifar10(), "FGSM-RS", 10)
    | search(small_cifar10(), "FGSM-RS", 10, batch_size=32)
    | search(small_cifar10(), "FGSM-RS", 10, batch_size=16)
    | one_cycle(small_cifar10(), 10),
}


@dataclass(frozen=True)
class Judged:
    """Which rows of a study are put under more attacks than the one that ends every run.

    Attributes:
        rows: Their labels.
        epsilons: Radii in the l-inf norm.
        l2: Euclidean radii.
        autoattack: At how many of the epsilons AutoAttack is run, from the least on.
        queries: Budget of Bandits.
        images: How many test images; all if None.
    """

    rows: tuple[str, ...]
    epsilons: tuple[str, ...]
    l2: tuple[str, ...]
    autoattack: int
    queries: int
    images: int | None

    def attacks(self, data: Data) -> tuple[Balls, tuple[Attack, ...]]:
        """Return the balls, and the attacks of ``quick`` at the least epsilon and of ``paper``."""
        where = balls(self.epsilons[0], "linf", data.shape, epsilons=self.epsilons, l2=self.l2)
        classes, least = len(data.classes), replace(where, epsilons=where.epsilons[:1])
        chosen = (*suite("quick", least, classes), *suite("paper", where, classes))
        fitting = (
            replace(attack, method=Bandits(self.queries))
            if isinstance(attack.method, Bandits)
            else attack
            for attack in chosen
            if not isinstance(attack.method, Stage)
            or attack.epsilon in where.epsilons[: self.autoattack]
        )
        return where, tuple({str(attack): attack for attack in fitting}.values())


PAPER_TICKETS = ("dense", *map(ticket_of, ("0.05", "0.1", "0.2", "0.3", "0.5", "0.7")))  # Table 6
ALSO_JUDGED = Judged(  # searches that PGD-20 finds as robust: are they, under other attacks?
    ("PGD-7, 40 epochs", "FGSM-RS, 32 epochs", "FGSM-RS, 32 epochs, rate 1"),
    ("0.1",),
    (),
    autoattack=0,
    queries=500,
    images=None,
)
JUDGED = {
    "digits": Judged(PAPER_TICKETS, ("0.1", "0.15"), (), autoattack=2, queries=10_000, images=None),
    "fast-digits": ALSO_JUDGED,
    "fast-defaults": replace(
        ALSO_JUDGED, rows=("PGD-7, 20 epochs", "FGSM-RS, 15 epochs, batches of 32")
    ),
    "cifar10": Judged(
        ("dense", "ticket 0.05", "ticket 0.1", "ticket 0.2"),
        ("8/255", "12/255"),
        ("0.5", "1.71", "2"),
        autoattack=1,
        queries=1000,
        images=200,
    ),
}
