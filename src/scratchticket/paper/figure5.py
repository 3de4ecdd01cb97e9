"""Is overparameterisation needed while training adversarially?

    scratchticket run figure5 --scale paper
    scratchticket run figure5 --scale small
    scratchticket run figure5 --scale quick

Reproduces  Figure 5: tickets, tickets fine-tuned from their own weights, and adversarial RTTs of
            ResNet18 on CIFAR-10.
Expect      in the paper adversarial RTTs first: a subnetwork of a large network that was trained as
            a whole beats one that was trained alone. At quick fine-tuned tickets are first, by far.
Cost        174 jobs at paper, 19 at small, 13 at quick, where they take 20 minutes of a core.
            Nothing beyond Figures 2 and 3.
Deviations  those of Figure 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper import published
from scratchticket.paper.cells import Cell, robust
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import PERCENTS, panel
from scratchticket.paper.relatives import RTT, TUNED, compared, family
from scratchticket.paper.scale import Scale

ROWS = ("ticket", TUNED, RTT)


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    theirs = {
        "ticket": published.curves("figure1")["resnet18"],
        TUNED: published.curves("figure2")["inherited"],
    }
    makers = family(scale, "resnet18", "cifar10")
    name = panel("resnet18", "cifar10")
    yield from compared(scale, name, makers, ROWS, PERCENTS, robust, theirs)


RECIPE = PaperRecipe(
    "figure5",
    "curves",
    cells,
    (
        Claim(
            "Adversarial RTTs beat fine-tuned tickets (5.2)",
            ">",
            rows(RTT, TUNED),
            short="training the whole network first is better",
        ),
        Claim("Adversarial RTTs beat tickets (5.2)", ">", rows(RTT, "ticket")),
    ),
    "robust accuracy (%)",
)
