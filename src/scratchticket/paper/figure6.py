"""Do the findings hold when everything is drawn and attacked at larger epsilons?

    scratchticket run figure6 --scale paper
    scratchticket run figure6 --scale small
    scratchticket run figure6 --scale quick

Reproduces  Figure 6: ResNet18 on CIFAR-10 at 12 and 16/255; (a, b) tickets and fine-tuned tickets,
            (c, d) tickets and RTTs.
Expect      in the paper the orders of Figures 2 and 3, with larger gaps to natural RTTs; at quick
            fine-tuned tickets far ahead, natural RTTs behind the tickets only at 16/255.
Cost        312 jobs at paper, 64 at small, 44 at quick, where they take 45 minutes of a core. Five
            runs for each point, epsilon and seed, and two dense networks for each epsilon and seed.
Deviations  those of Figures 2 and 3; steps are 2.5 epsilon / 7 in the search (a half of epsilon at
            small, a quarter at quick) and 2.5 epsilon / 20 in PGD-20, where the released code keeps
            2/255.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper.cells import Cell, robust
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import FEWER, panel
from scratchticket.paper.relatives import (
    NATURAL_RTT,
    NEW,
    RTT,
    TUNED,
    compared,
    family,
)
from scratchticket.paper.scale import Scale

LEVELS = (12, 16)
LINES = {"fine-tuned": ("ticket", TUNED, NEW), "RTTs": ("ticket", NATURAL_RTT, RTT)}


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    for about, chosen in LINES.items():
        for level in LEVELS:
            makers = family(scale, "resnet18", "cifar10", level)
            name = f"{panel('resnet18', 'cifar10')}, {level}/255, {about}"
            yield from compared(scale, name, makers, chosen, FEWER, robust)


RECIPE = PaperRecipe(
    "figure6",
    "curves",
    cells,
    tuple(
        claim
        for level in LEVELS
        for claim in (
            Claim(
                f"At {level}/255 tickets are comparable to fine-tuned ones (5.3)",
                "~",
                rows("ticket", TUNED, panels=f"{level}/255"),
                short=f"tickets match fine-tuned ones at {level}/255",
            ),
            Claim(
                f"At {level}/255 inherited weights beat new ones (5.3)",
                ">",
                rows(TUNED, NEW, panels=f"{level}/255"),
            ),
            Claim(
                f"At {level}/255 adversarial RTTs beat tickets (5.3)",
                ">",
                rows(RTT, "ticket", panels=f"{level}/255"),
                short=f"adversarial RTTs beat tickets at {level}/255",
            ),
            Claim(
                f"At {level}/255 tickets beat natural RTTs (5.3)",
                ">",
                rows("ticket", NATURAL_RTT, panels=f"{level}/255"),
            ),
        )
    ),
    "robust accuracy (%)",
)
