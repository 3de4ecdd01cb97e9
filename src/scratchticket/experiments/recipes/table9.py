"""Does switching help tickets of an adversarially trained network too?

    scratchticket run table9 --scale paper
    scratchticket run table9 --scale quick

Reproduces  Table 9: R2S over adversarial RTTs of ResNet18, in the protocol of Table 3.
Expect      as in Table 8, a little higher.
Cost        54 jobs at paper, 12 at small, 18 at quick, where they take 20 minutes of a core.
            Nothing beyond Figure 13.
Deviations  those of Table 3.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.experiments.recipes.cells import Cell
from scratchticket.experiments.recipes.figure13 import DATA, rtt_matrix
from scratchticket.experiments.recipes.paper import PaperRecipe
from scratchticket.experiments.recipes.parts import panel
from scratchticket.experiments.recipes.protocol import beats_dense, dense_cells, named, set_cells
from scratchticket.experiments.recipes.scale import Scale
from scratchticket.experiments.recipes.table8 import printed

SETS = ((3, 5, 7, 10), (3, 5, 7, 10, 15, 20, 40), (7, 10, 15, 20, 40))


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the table."""
    for data in DATA:
        yield from dense_cells(scale, "resnet18", data)
        for percents in SETS:
            known = printed("table9", percents, data)
            name, matrix = panel("resnet18", data), rtt_matrix(scale, data)
            yield from set_cells(scale, name, percents, matrix, known)


RECIPE = PaperRecipe(
    "table9",
    "table",
    cells,
    tuple(
        beats_dense(
            percents, f"{named(percents)} of RTTs beats the dense network in the protocol (App. H)"
        )
        for percents in SETS
    ),
)
