"""Do tickets gain natural accuracy from training what they keep?

    scratchticket run figure10 --scale paper
    scratchticket run figure10 --scale small
    scratchticket run figure10 --scale quick

Reproduces  Figure 10: natural accuracy of the networks of Figure 2.
Expect      in the paper the same order as there; at quick fine-tuned tickets some 5 points ahead of
            tickets.
Cost        684 jobs at paper, 72 at small, 48 at quick, where they take 50 minutes of a core.
            Nothing beyond Figure 2.
Deviations  those of Figure 2.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper.cells import Cell, natural
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.figure2 import ROWS
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import LOW
from scratchticket.paper.relatives import NEW, TUNED, on_cifar
from scratchticket.paper.scale import Scale


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    yield from on_cifar(scale, ROWS, natural)


RECIPE = PaperRecipe(
    "figure10",
    "curves",
    cells,
    (
        Claim(
            "Tickets are comparable to fine-tuned ones (App. D)",
            "~",
            rows("ticket", TUNED),
            short="tickets match fine-tuned ones",
        ),
        Claim(
            "Inherited weights beat new ones, up to 20 % (App. D)",
            ">",
            rows(TUNED, NEW, percents=LOW),
        ),
        Claim(
            "ResNet18: tickets are comparable to those with new weights (App. D)",
            "~",
            rows("ticket", NEW, panels="resnet18 /"),
        ),
    ),
    "natural accuracy (%)",
)
