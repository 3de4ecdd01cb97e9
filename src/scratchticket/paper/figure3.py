"""Are tickets of trained networks better than those of random ones?

    scratchticket run figure3 --scale paper
    scratchticket run figure3 --scale small
    scratchticket run figure3 --scale quick

Reproduces  Figure 3: robust accuracy of tickets (RST), and of tickets drawn from naturally and
            from adversarially trained networks (RTT).
Expect      adversarial RTTs first; in the paper natural RTTs last, at quick beside the tickets.
Cost        708 jobs at paper, 80 at small, 56 at quick, where they take 55 minutes of a core. Two
            runs for each point of Figure 1 (a-d), whose tickets are shared, and eight dense
            networks a seed.
Deviations  those of Figure 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper import published
from scratchticket.paper.cells import Cell, robust
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.relatives import NATURAL_RTT, RTT, on_cifar
from scratchticket.paper.scale import Scale

ROWS = ("ticket", NATURAL_RTT, RTT)


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    theirs = {"ticket": published.curves("figure1")["resnet18"]}
    yield from on_cifar(scale, ROWS, robust, theirs)


RECIPE = PaperRecipe(
    "figure3",
    "curves",
    cells,
    (
        Claim(
            "Adversarial RTTs are more robust than tickets (5.2)",
            ">",
            rows(RTT, "ticket"),
            short="those of adversarially trained networks are better",
        ),
        Claim(
            "Tickets are more robust than natural RTTs (5.2)",
            ">",
            rows("ticket", NATURAL_RTT),
            short="those of naturally trained networks are better",
            denied=True,
        ),
    ),
    "robust accuracy (%)",
)
