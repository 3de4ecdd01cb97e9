"""Can a trained network be shared between tasks as a random one can? CIFAR-100.

    scratchticket run figure8 --scale paper
    scratchticket run figure8 --scale small
    scratchticket run figure8 --scale quick

Reproduces  Figure 8: tickets of ResNet18 on CIFAR-100, adversarial RTTs of a network trained on
            CIFAR-100, and of one trained on CIFAR-10 whose classifier was replaced.
Expect      in the paper transferred RTTs last, 1.68 points below the tickets at 5 %; at quick no
            difference that could be told.
Cost        96 jobs at paper, 20 at small, 14 at quick, where they take 10 minutes of a core. One
            run for each point beyond Figures 1 and 3.
Deviations  those of Figure 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper.cells import Cell, curve, robust
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import FEWER, panel, tickets, trained_tickets
from scratchticket.paper.relatives import RTT
from scratchticket.paper.scale import DataSet, Scale
from scratchticket.sweeps.job import Job

TRANSFERRED = "transferred RTT"


def sharing(scale: Scale, data: DataSet, own: bool) -> Iterator[Cell]:
    """Return tickets and transferred RTTs on some data, with its own RTTs if asked for."""
    name = panel("resnet18", data)

    def transferred(percent: int, seed: int) -> Job:
        start = scale.dense("resnet18", scale.elsewhere[data], seed)
        return scale.trained_ticket(start, data, percent, seed)

    yield from curve(scale, name, "ticket", FEWER, tickets(scale, "resnet18", data), robust)
    if own:
        makes = trained_tickets(scale, "resnet18", data)
        yield from curve(scale, name, RTT, FEWER, makes, robust)
    yield from curve(scale, name, TRANSFERRED, FEWER, transferred, robust)


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    yield from sharing(scale, "cifar100", own=True)


RECIPE = PaperRecipe(
    "figure8",
    "curves",
    cells,
    (
        Claim(
            "Tickets beat transferred RTTs (6.3)",
            ">",
            rows("ticket", TRANSFERRED),
            short="as well as a random one",
            denied=True,
        ),
        Claim(
            "... at 5 % (6.3)",
            ">",
            rows("ticket", TRANSFERRED, percents=(5,)),
            ("6.3, transferred", "robust"),
        ),
        Claim("... RTTs of the same data too", ">", rows(RTT, TRANSFERRED)),
    ),
    "robust accuracy (%)",
)
