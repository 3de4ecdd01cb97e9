"""Tickets and the dense network under the attacks of Tables 2 and 6 and of suite ``quick``."""

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
from scratchticket.paper.study import NATURAL, attack_settings, evaluation_of, job_of, worst_case
from scratchticket.sweeps.job import Job

DENSE, WORST = "dense", "worst case"


@dataclass(frozen=True)
class Attacked:
    """The networks that are attacked at a scale, and the attacks.

    Attributes:
        panel: Name of the panel.
        percents: Remaining percents of the networks, 100 for the dense one.
        make: Function from scale, percent and seed to the run that makes a network.
        where: Balls of the attacks.
        autoattack: Number of epsilons, from the smallest, at which AutoAttack is run.
        queries: Query budget of Bandits.
        images: Number of test images; all if None.
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
        """Settings of the evaluations: suites ``paper`` and, at the smallest epsilon, ``quick``."""
        where, least = self.where, replace(self.where, epsilons=self.where.epsilons[:1])
        attacks = (
            replace(attack, method=Bandits(self.queries))
            if isinstance(attack.method, Bandits)
            else attack
            for attack in (*suite("quick", least, 10), *suite("paper", where, 10))
            if not isinstance(attack.method, Stage)
            or attack.epsilon in where.epsilons[: self.autoattack]
        )
        once = {str(attack): attack for attack in attacks}
        return attack_settings(tuple(once.values()), where.epsilons, where.l2, images=self.images)


def _digits(scale: Scale, percent: int, seed: int) -> Job:
    """Return the run that makes a network in the study on digits."""
    row = DENSE if percent == 100 else digits.ticket_of(percent)
    return job_of(scale, digits.study(), row, seed)


BY_SCALE: Mapping[str, Attacked] = {
    "quick": Attacked(
        digits.PANEL,
        (100, 5, 10, 20, 30, 50, 70),
        _digits,
        balls("0.1", "linf", (1, 8, 8), epsilons=("0.1", "0.15")),
        autoattack=2,
        queries=10_000,
        images=None,
    ),
    "small": Attacked(
        "ResNet18 of width 16 on CIFAR-10",
        (100, *cifar10.PERCENTS),
        cifar10.network_job,
        balls("8/255", "linf", (3, 32, 32), epsilons=("8/255", "12/255"), l2=("0.5", "1.71", "2")),
        autoattack=1,
        queries=1000,
        images=200,
    ),
}
RADII = ("0.50", "1.71", "2.00")


@cache
def _published() -> Mapping[int, Mapping[str, float]]:
    """Return the paper's numbers for ResNet18 in Tables 2 and 6, by percent and column."""
    return other_attacks.published_numbers("resnet18")


def cells(scale: Scale) -> Iterator[Cell]:
    """Do tickets resist attacks that they were not drawn with, each alone and all together?

    Reproduces  the attacks of Tables 2 and 6 on ResNet18, and those of the suite quick. The worst
                case is the accuracy on images that no attack in the ball fooled.
    Expect      tickets of 10 % and more close to the dense network under every attack.
    Deviations  at scale quick, all test images of the study on digits; at scale small, 200 test
                images of CIFAR-10, and AutoAttack only at the smallest epsilon.
    """
    chosen = BY_SCALE[scale.name]
    near, far = chosen.where.epsilons
    settings = chosen.settings
    margin, bandits = PGD(100, loss="margin"), Bandits(chosen.queries)
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
            for printed, radius in zip(RADII, chosen.where.l2, strict=True)
        },
    }
    if chosen.autoattack == 1:
        del parts[", attacks of Table 6"]["AutoAttack, 12/255"]
    for percent in chosen.percents:
        row = DENSE if percent == 100 else f"ticket, {percent} %"
        jobs = {s: evaluation_of(chosen.make(scale, percent, s), settings) for s in scale.seeds}
        for part, columns in parts.items():
            for column, read in columns.items():
                known = _published().get(percent, {}).get(column)
                name = chosen.panel + part
                yield level(scale, name, row, jobs.__getitem__, read, known, column)


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
