"""Can a trained network be shared between tasks as a random one can? SVHN and CIFAR-10.

    scratchticket run figure14 --scale paper
    scratchticket run figure14 --scale small
    scratchticket run figure14 --scale quick

Reproduces  Figure 14: tickets of ResNet18, and RTTs transferred from the other data set, on (a)
            SVHN and (b) CIFAR-10.
Expect      in the paper tickets ahead, by up to 2.75 points on SVHN; at quick ahead on what stands
            for CIFAR-10, no difference that could be told on the other.
Cost        126 jobs at paper, 26 at small, 18 at quick, where they take 50 minutes of a core. Two
            runs for each point and seed.
Deviations  those of Figure 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper.cells import Cell
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.figure8 import TRANSFERRED, sharing
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.scale import Scale


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    yield from sharing(scale, "svhn", own=False)
    yield from sharing(scale, "cifar10", own=False)


RECIPE = PaperRecipe(
    "figure14",
    "curves",
    cells,
    (
        Claim(
            "Tickets beat transferred RTTs on SVHN (App. I)",
            ">",
            rows("ticket", TRANSFERRED, panels="svhn"),
            ("App. I", "most"),
            short="as well as a random one, on SVHN",
            denied=True,
        ),
        Claim(
            "Tickets beat transferred RTTs on CIFAR-10 (App. I)",
            ">",
            rows("ticket", TRANSFERRED, panels="cifar10"),
            short="as well as a random one, on CIFAR-10",
            denied=True,
        ),
    ),
    "robust accuracy (%)",
)
