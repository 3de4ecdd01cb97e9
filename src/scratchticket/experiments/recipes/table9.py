"""Does switching help tickets of an adversarially trained network too?

    scratchticket run table9 --scale paper
    scratchticket run table9 --scale quick

Reproduces  Table 9: R2S over adversarial RTTs of ResNet18, in the protocol of Table 3.
Expect      as in Table 8, a little higher.
Cost        nothing beyond Figure 13.
Deviations  those of Table 3.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.experiments.recipes.cells import Cell, level
from scratchticket.experiments.recipes.claims import Claim, rows
from scratchticket.experiments.recipes.figure13 import DATA, rtt_transfer
from scratchticket.experiments.recipes.paper import PaperRecipe
from scratchticket.experiments.recipes.parts import (
    DENSE_ROW,
    RELEASED,
    mean_natural,
    panel,
    switched,
)
from scratchticket.experiments.recipes.scale import Scale
from scratchticket.experiments.recipes.table3 import NATURAL, PGD, dense_cells, named
from scratchticket.experiments.recipes.table8 import printed

SETS = ((3, 5, 7, 10), (3, 5, 7, 10, 15, 20, 40), (7, 10, 15, 20, 40))


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the table."""
    title = RELEASED.format(scale.epsilon(8))
    for data in DATA:
        yield from dense_cells(scale, "resnet18", data)
        for percents in SETS:
            known = printed("table9", percents)[data]
            reads = mean_natural(scale.some(percents)), switched(scale.some(percents), title)
            for column, read, number in zip((NATURAL, PGD), reads, known, strict=True):
                yield level(
                    scale,
                    panel("resnet18", data),
                    named(percents),
                    lambda seed, d=data: rtt_transfer(scale, d, seed),  # type: ignore[misc]
                    read,
                    number,
                    column,
                )


RECIPE = PaperRecipe(
    "table9",
    "table",
    cells,
    tuple(
        Claim(
            f"{named(percents)} of RTTs beats the dense network in the protocol (App. H)",
            ">",
            lambda values, p=percents: rows(named(p), DENSE_ROW)(  # type: ignore[misc]
                {where: found for where, found in values.items() if where[2] == PGD}
            ),
        )
        for percents in SETS
    ),
)
