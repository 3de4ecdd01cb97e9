"""Which init gives the tickets of highest natural accuracy?

    scratchticket run figure9 --scale paper
    scratchticket run figure9 --scale small
    scratchticket run figure9 --scale quick

Reproduces  Figure 9: natural accuracy of ResNet18's tickets by init, on CIFAR-10 and CIFAR-100.
Expect      in the paper the order of Figure 1 (e, f): signed Kaiming constants first; at quick no
            difference that could be told.
Cost        240 jobs at paper, 48 at small, 32 at quick, where they take 35 minutes of a core.
            Nothing beyond Figure 1, whose tickets these are.
Deviations  those of Figure 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper.cells import Cell
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.figure1 import INITS, by_init
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.scale import Scale


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    yield from by_init(scale, "cifar10", "natural")
    yield from by_init(scale, "cifar100", "natural")


RECIPE = PaperRecipe(
    "figure9",
    "curves",
    cells,
    tuple(
        Claim(
            f"Signed constants give tickets of higher natural accuracy than {init} (App. D)",
            ">",
            rows(INITS[0], init),
            short=f"signed constants beat {init}",
        )
        for init in INITS[1:]
    ),
    "natural accuracy (%)",
)
