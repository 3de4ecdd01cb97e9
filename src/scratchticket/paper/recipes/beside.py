"""R2S over tickets drawn one after another, each against attacks on itself and all earlier ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from scratchticket.attacks import Attack
from scratchticket.attacks.set_gradient import SetPGD
from scratchticket.evaluation.transfer import SET as ON_SET
from scratchticket.paper.cells import Cell, Read, level, switch_accuracy
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import SET, panel, percent_name, switch
from scratchticket.paper.recipes.adaptive import expected_at_worst
from scratchticket.paper.scale import Scale
from scratchticket.sweeps.job import BESIDE, Job

ALONE, TOGETHER = "drawn alone", "drawn beside each other"
WORST = "worst case"


def members(scale: Scale, seed: int) -> Mapping[str, Job]:
    """Return the jobs that draw a set of tickets, each beside the sparser ones, by name."""
    before: dict[str, Job] = {}
    for percent in scale.restricted(SET):
        alone = scale.ticket("resnet18", "cifar10", percent, seed)
        needs = {f"{BESIDE} {name}": job for name, job in before.items()}
        beside = replace(alone, needs=needs, label=f"{alone.label}, beside {len(needs)} others")
        before[percent_name(percent)] = beside if needs else alone
    return before


def switch_beside(scale: Scale, seed: int) -> Job:
    """Return the job that evaluates the switch between tickets drawn beside each other."""
    alone = switch(scale, "resnet18", "cifar10", seed)
    label = f"R2S beside, {panel('resnet18', 'cifar10')}"
    return replace(alone, needs={**alone.needs, **members(scale, seed)}, label=label)


def cells(scale: Scale) -> Iterator[Cell]:
    """Is a switch more robust if its tickets were drawn beside each other?

    Reproduces  nothing in the paper, which draws each ticket alone. Here, every ticket is drawn
                against attacks on the switch between itself and the sparser tickets (``draw
                --beside``), and the switch between all of them is evaluated as in Table 5.
    Expect      no gain in the worst case at scale quick.
    Deviations  those of Table 5.
    """
    near = scale.epsilon(8)
    columns: dict[str, Read] = {
        "EOT": switch_accuracy(Attack(SetPGD(20, keep="last"), near), ON_SET),
        WORST: expected_at_worst,
    }
    for row in (ALONE, TOGETHER):
        jobs = {
            seed: switch(scale, "resnet18", "cifar10", seed)
            if row == ALONE
            else switch_beside(scale, seed)
            for seed in scale.seeds
        }
        for column, read in columns.items():
            yield level(
                scale, panel("resnet18", "cifar10"), row, jobs.__getitem__, read, column=column
            )


TOGETHER_OR_ALONE = PaperRecipe(
    "beside",
    "table",
    cells,
    (
        Claim(
            "Tickets drawn beside each other are more robust in the worst case",
            ">",
            rows(TOGETHER, ALONE, only=WORST),
            short="tickets drawn beside each other are more robust in the worst case",
        ),
    ),
    "robust accuracy (%)",
    scales=("quick",),
)
