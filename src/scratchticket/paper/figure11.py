"""Do tickets of trained networks have higher natural accuracy than those of random ones?

    scratchticket run figure11 --scale paper
    scratchticket run figure11 --scale small
    scratchticket run figure11 --scale quick

Reproduces  Figure 11: natural accuracy of the networks of Figure 3.
Expect      in the paper all comparable, adversarial RTTs a little ahead; at quick these are ahead
            by 2 to 5 points.
Cost        708 jobs at paper, 80 at small, 56 at quick, where they take 55 minutes of a core.
            Nothing beyond Figure 3.
Deviations  those of Figure 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper.cells import Cell, natural
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.figure3 import ROWS
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.relatives import NATURAL_RTT, RTT, on_cifar
from scratchticket.paper.scale import Scale


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    yield from on_cifar(scale, ROWS, natural)


RECIPE = PaperRecipe(
    "figure11",
    "curves",
    cells,
    (
        Claim(
            "Tickets are comparable to natural RTTs (App. D)",
            "~",
            rows("ticket", NATURAL_RTT),
            short="tickets match natural RTTs",
        ),
        Claim(
            "Tickets are comparable to adversarial RTTs (App. D)",
            "~",
            rows("ticket", RTT),
            short="tickets match adversarial RTTs",
        ),
        Claim("Adversarial RTTs are the best (App. D)", ">", rows(RTT, NATURAL_RTT)),
    ),
    "natural accuracy (%)",
)
