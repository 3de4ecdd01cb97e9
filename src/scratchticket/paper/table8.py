"""Which tickets should R2S switch between?

    scratchticket run table8 --scale paper
    scratchticket run table8 --scale small
    scratchticket run table8 --scale quick

Reproduces  Table 8: R2S over three other sets of tickets, in the protocol of Table 3.
Expect      as there; wider sets ahead under PGD-20, sets without the smallest tickets in natural
            accuracy.
Cost        162 jobs at paper, 33 at small, 49 at quick, where they take 60 minutes of a core.
            Beyond the transfer matrices of Figure 12, dense networks.
Deviations  those of Table 3, but sets are shown as printed alone; here too the paper's "30 %" is
            almost surely 40 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scratchticket.paper import published
from scratchticket.paper.cells import Cell
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import CIFAR, main_matrix, panel
from scratchticket.paper.protocol import (
    PGD,
    beats_dense,
    dense_cells,
    gains,
    named,
    set_cells,
)
from scratchticket.paper.scale import Scale

SETS = ((3, 5, 7, 10), (3, 5, 7, 10, 15, 20, 30), (7, 10, 15, 20, 30))


def printed(table: str, percents: Sequence[int], where: str) -> tuple[float, float]:
    """Return the paper's numbers of a set, natural and robust, from a column of the table."""
    ratios = [percent / 100 for percent in percents]
    (row,) = published.table(table).where(candidate_set=ratios)
    known: tuple[float, float] = tuple(row[where])
    return known


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the table."""
    for network, data in CIFAR:
        yield from dense_cells(scale, network, data)
        matrix = main_matrix(scale, network, data)
        for percents in SETS:
            known = printed("table8", percents, f"{network}_{data}")
            yield from set_cells(scale, panel(network, data), percents, matrix, known)


RECIPE = PaperRecipe(
    "table8",
    "table",
    cells,
    (
        *(
            beats_dense(
                percents,
                f"{named(percents)} beats the dense network in the protocol (App. F)",
            )
            for percents in SETS
        ),
        *gains("App. F", SETS, "tickets", (panel(*pair) for pair in CIFAR)),
        Claim(
            "A wider set is more robust in the protocol (App. F)",
            ">",
            rows(named(SETS[1]), named(SETS[0]), only=PGD),
            short="a wider set is better",
        ),
    ),
)
