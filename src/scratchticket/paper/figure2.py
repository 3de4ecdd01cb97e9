"""Do tickets gain from training what they keep?

    scratchticket run figure2 --scale paper
    scratchticket run figure2 --scale small
    scratchticket run figure2 --scale quick

Reproduces  Figure 2: robust accuracy of tickets, of tickets fine-tuned from their own weights, and
            of tickets whose weights were made anew and trained.
Expect      in the paper the three close together, inherited weights ahead of new ones at low
            ratios; at quick training what is kept gains ten points.
Cost        684 jobs at paper, 72 at small, 48 at quick, where they take 50 minutes of a core. Two
            runs for each point of Figure 1 (a-d), whose tickets are shared.
Deviations  those of Figure 1; the paper says three networks and shows two; new weights are Kaiming
            normal, as in the released code.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper import published
from scratchticket.paper.cells import Cell, robust
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import LOW
from scratchticket.paper.relatives import NEW, TUNED, on_cifar
from scratchticket.paper.scale import Scale

ROWS = ("ticket", TUNED, NEW)


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    known = published.curves("figure2")
    theirs = {
        "ticket": published.curves("figure1")["resnet18"],
        TUNED: known["inherited"],
        NEW: known["new"],
    }
    yield from on_cifar(scale, ROWS, robust, theirs)


RECIPE = PaperRecipe(
    "figure2",
    "curves",
    cells,
    (
        Claim(
            "Fine-tuned tickets are comparable to untrained ones, up to 20 % (5.1)",
            "~",
            rows(TUNED, "ticket", percents=LOW),
            ("5.1", "range"),
            short="tickets match fine-tuned ones",
        ),
        Claim(
            "Inherited weights beat new ones, up to 20 % (5.1)",
            ">",
            rows(TUNED, NEW, percents=LOW),
            short="inherited weights beat new ones",
        ),
        Claim(
            "From 5 to 20 % new weights are no better than the untrained ticket (5.1)",
            "<=",
            rows(NEW, "ticket", percents=range(5, 21)),
        ),
    ),
    "robust accuracy (%)",
)
