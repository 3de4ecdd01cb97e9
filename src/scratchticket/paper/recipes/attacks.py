"""Tickets and the dense network under every attack, on more images than in the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from scratchticket.attacks import PGD, Attack, Bandits, Stage
from scratchticket.evaluation import Balls, balls, suite
from scratchticket.evaluation.suites import PAPER_CW
from scratchticket.paper.cells import Cell, Read, level, natural, under, under_autoattack
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.recipes import cifar10, digits, other_attacks
from scratchticket.paper.scale import Scale, Settings
from scratchticket.paper.study import NATURAL, job_of, judged_by, judgement, worst_case
from scratchticket.sweeps.job import Job

DENSE, WORST = "dense", "worst case"


@dataclass(frozen=True)
class Judged:
    """Which networks are attacked, and how hard.

    Attributes:
        panel: What they are called together.
        percents: Of the networks, 100 for the dense one.
        make: Scale, percent and seed to the run of a network.
        where: Epsilons and Euclidean radii.
        autoattack: At how many of the epsilons AutoAttack is run, from the least on.
        queries: Budget of Bandits.
        images: How many test images; all if None.
    """

    panel: str
    percents: tuple[int, ...]
    make: Callable[[Scale, int, int], Job]
    where: Balls
    autoattack: int
    queries: int
    images: int | None

    @property
    def settings(self) -> Settings:
        """Of the judgements: ``quick`` at the least epsilon, and ``paper``."""
        where, least = self.where, replace(self.where, epsilons=self.where.epsilons[:1])
        fitting = (
            replace(attack, method=Bandits(self.queries))
            if isinstance(attack.method, Bandits)
            else attack
            for attack in (*suite("quick", least, 10), *suite("paper", where, 10))
            if not isinstance(attack.method, Stage)
            or attack.epsilon in where.epsilons[: self.autoattack]
        )
        once = {str(attack): attack for attack in fitting}
        return judged_by(tuple(once.values()), where.epsilons, where.l2, images=self.images)


def _digits(scale: Scale, percent: int, seed: int) -> Job:
    """Return a network of the study on digits."""
    row = DENSE if percent == 100 else digits.ticket_of(percent)
    return job_of(scale, digits.study(), row, seed)


JUDGED: Mapping[str, Judged] = {
    "quick": Judged(
        digits.PANEL,
        (100, 5, 10, 20, 30, 50, 70),
        _digits,
        balls("0.1", "linf", (1, 8, 8), epsilons=("0.1", "0.15")),
        autoattack=2,
        queries=10_000,
        images=None,
    ),
    "small": Judged(
        "ResNet18 of width 16 on CIFAR-10",
        (100, *cifar10.PERCENTS),
        cifar10.made,
        balls("8/255", "linf", (3, 32, 32), epsilons=("8/255", "12/255"), l2=("0.5", "1.71", "2")),
        autoattack=1,
        queries=1000,
        images=200,
    ),
}
RADII = ("0.50", "1.71", "2.00")


@cache
def _published() -> Mapping[int, Mapping[str, float]]:
    """Return the paper's numbers of ResNet18 by percent and column: Tables 2 and 6."""
    return other_attacks.published_numbers("resnet18")


def cells(scale: Scale) -> Iterator[Cell]:
    """Do tickets resist attacks that they were not drawn with, one by one and all together?

    Reproduces  the attacks of Tables 2 and 6 on ResNet18, with those of the suite quick; the worst
                case counts images that no attack in the ball fooled.
    Expect      tickets of 10 % and more near the dense network under every attack.
    Deviations  at quick all test images of the study on digits, at small 200 of CIFAR-10 and
                AutoAttack at the least epsilon alone.
    """
    judged = JUDGED[scale.name]
    near, far = judged.where.epsilons
    settings = judged.settings
    margin, bandits = PGD(100, loss="margin"), Bandits(judged.queries)
    parts: dict[str, dict[str, Read]] = {
        "": {
            NATURAL: natural,
            "PGD-20, 8/255": under(Attack(PGD(), near)),
            f"{WORST}, 8/255": worst_case(near),
        },
        ", attacks of Table 6": {
            "AutoAttack, 8/255": under_autoattack(near),
            "AutoAttack, 12/255": under_autoattack(far),
            "CW-Inf, 8/255": under(Attack(margin, near)),
            "CW-Inf, 12/255": under(Attack(margin, far)),
            "Bandits, 8/255": under(Attack(bandits, near)),
            "Bandits, 12/255": under(Attack(bandits, far)),
            "CW-L2": under(Attack(PAPER_CW, None, "l2")),
        },
        ", attacks of Table 2": {
            f"l2, {printed}": under(Attack(PGD(), radius, "l2"))
            for printed, radius in zip(RADII, judged.where.l2, strict=True)
        },
    }
    if judged.autoattack == 1:
        del parts[", attacks of Table 6"]["AutoAttack, 12/255"]
    for percent in judged.percents:
        row = DENSE if percent == 100 else f"ticket, {percent} %"
        made = {s: judgement(judged.make(scale, percent, s), settings) for s in scale.seeds}
        for part, columns in parts.items():
            for column, read in columns.items():
                known = _published().get(percent, {}).get(column)
                name = judged.panel + part
                yield level(scale, name, row, made.__getitem__, read, known, column)


ATTACKS = PaperRecipe(
    "attacks",
    "table",
    cells,
    tuple(
        Claim(
            f"A ticket of {percent} % is comparable to the dense network in the worst case",
            "~",
            rows(f"ticket, {percent} %", DENSE, only=WORST),
            short=f"a ticket of {percent} % matches the dense network in the worst case",
        )
        for percent in (10, 20)
    ),
    "accuracy (%)",
    scales=("small", "quick"),
)
