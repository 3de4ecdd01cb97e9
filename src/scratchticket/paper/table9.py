"""Does switching help tickets of an adversarially trained network too?

    scratchticket run table9 --scale paper
    scratchticket run table9 --scale small
    scratchticket run table9 --scale quick

Reproduces  Table 9: R2S over adversarial RTTs of ResNet18, in the protocol of Table 3; beside it,
            of Sec. 6.3, R2S over the same sets of tickets.
Expect      in the paper as in Table 8, a little higher; at quick as high as there.
Cost        144 jobs at paper, 29 at small, 45 at quick, where they take 60 minutes of a core.
            Nothing beyond Figures 12 and 13.
Deviations  those of Table 3. Sec. 6.3 compares over the set of Table 3, which this table lacks: it
            is added, as its numbers say (40 %, not 30 %).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scratchticket.paper.cells import Cell
from scratchticket.paper.claims import Claim, Values, one
from scratchticket.paper.comparison import Pair
from scratchticket.paper.figure13 import DATA, rtt_matrix
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import AS_NUMBERS, main_matrix, panel
from scratchticket.paper.protocol import (
    NATURAL,
    PGD,
    beats_dense,
    dense_cells,
    gains,
    named,
    set_cells,
)
from scratchticket.paper.scale import Scale
from scratchticket.paper.table8 import printed

OF_TICKETS = " of random tickets"
SETS: tuple[tuple[int, ...], ...] = ((3, 5, 7, 10), (3, 5, 7, 10, 15, 20, 40), (7, 10, 15, 20, 40))
OF_TABLE_3 = named(AS_NUMBERS)


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the table."""
    for data in DATA:
        yield from dense_cells(scale, "resnet18", data)
        name, matrix = panel("resnet18", data), rtt_matrix(scale, data)
        for percents in SETS:
            known = printed("table9", percents, data)
            yield from set_cells(scale, name, percents, matrix, known)
        yield from set_cells(scale, name, AS_NUMBERS, matrix)
        drawn = main_matrix(scale, "resnet18", data)
        for percents in (*SETS, AS_NUMBERS):
            yield from set_cells(scale, name, percents, drawn, of=OF_TICKETS)


def _beside_tickets(column: str) -> Callable[[Values], Iterator[Pair]]:
    """Return what pairs R2S over RTTs of CIFAR-10 with R2S over its tickets."""
    name = panel("resnet18", "cifar10")
    return one((name, OF_TABLE_3, column), (name, OF_TABLE_3 + OF_TICKETS, column))


RECIPE = PaperRecipe(
    "table9",
    "table",
    cells,
    (
        *(
            beats_dense(
                percents,
                f"{named(percents)} of RTTs beats the dense network in the protocol (App. H)",
                short="better than the dense network" if percents == SETS[1] else "",
            )
            for percents in SETS
        ),
        *gains("App. H", SETS, "RTTs", (panel("resnet18", data) for data in DATA)),
        Claim(
            "R2S over RTTs is more robust than over tickets, on CIFAR-10 (6.3)",
            ">",
            _beside_tickets(PGD),
            ("6.3, RTTs", "robust"),
            "better than with tickets of the random network",
        ),
        Claim(
            "... and of higher natural accuracy",
            ">",
            _beside_tickets(NATURAL),
            ("6.3, RTTs", "natural"),
        ),
    ),
)
