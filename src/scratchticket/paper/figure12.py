"""Do attacks transfer between tickets of other networks and on other data?

    scratchticket run figure12 --scale paper
    scratchticket run figure12 --scale small
    scratchticket run figure12 --scale quick

Reproduces  Figure 12: the matrix of Figure 7 for ResNet18 and WideResNet32 on CIFAR-10 and -100.
Expect      as in Figure 7; at quick the gap is a little smaller.
Cost        153 jobs at paper, 26 at small, 46 at quick, where they take 60 minutes of a core.
            Beyond Figures 1 and 7, three matrices of tickets alone.
Deviations  those of Figure 7.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper.cells import Cell
from scratchticket.paper.figure7 import CLAIMS, tickets_of
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import CIFAR
from scratchticket.paper.scale import Scale


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    for network, data in CIFAR:
        yield from tickets_of(scale, network, data)


RECIPE = PaperRecipe("figure12", "matrix", cells, CLAIMS, "robust accuracy (%)")
