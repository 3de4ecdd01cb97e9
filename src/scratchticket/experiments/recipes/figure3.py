"""Are tickets of trained networks better than those of random ones?

    scratchticket run figure3 --scale paper
    scratchticket run figure3 --scale quick

Reproduces  Figure 3: robust accuracy of tickets (RST), and of tickets drawn from naturally and
            from adversarially trained networks (RTT).
Expect      adversarial RTTs first, natural RTTs last.
Cost        two runs for each point of Figure 1 (a-d), whose tickets are shared, and eight dense
            networks a seed.
Deviations  those of Figure 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.experiments import published
from scratchticket.experiments.recipes.cells import Cell, Read, robust
from scratchticket.experiments.recipes.claims import Claim, rows
from scratchticket.experiments.recipes.paper import PaperRecipe
from scratchticket.experiments.recipes.parts import CIFAR, PERCENTS, panel
from scratchticket.experiments.recipes.relatives import NATURAL_RTT, RTT, compared, family
from scratchticket.experiments.recipes.scale import Scale

ROWS = ("ticket", NATURAL_RTT, RTT)


def by_start(scale: Scale, read: Read, with_published: bool) -> Iterator[Cell]:
    """Return tickets and RTTs; of Fig. 11 too."""
    theirs = {"ticket": published.curves("figure1")["resnet18"]}
    for network, data in CIFAR:
        ours = with_published and (network, data) == ("resnet18", "cifar10")
        makers = family(scale, network, data)
        yield from compared(
            scale, panel(network, data), makers, ROWS, PERCENTS, read, theirs if ours else None
        )


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    yield from by_start(scale, robust, with_published=True)


RECIPE = PaperRecipe(
    "figure3",
    "curves",
    cells,
    (
        Claim("Adversarial RTTs are more robust than tickets (5.2)", ">", rows(RTT, "ticket")),
        Claim("Tickets are more robust than natural RTTs (5.2)", ">", rows("ticket", NATURAL_RTT)),
    ),
    "robust accuracy (%)",
)
