"""Which tickets should R2S switch between?

    scratchticket run table8 --scale paper
    scratchticket run table8 --scale quick

Reproduces  Table 8: R2S over three other sets of tickets, in the protocol of Table 3.
Expect      as there; wider sets a little ahead under PGD-20, sets without the smallest tickets in
            natural accuracy.
Cost        nothing beyond the transfer matrices of Figure 12.
Deviations  those of Table 3; here too the paper's "30 %" is almost surely 40 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scratchticket.experiments import published
from scratchticket.experiments.recipes.cells import Cell, level
from scratchticket.experiments.recipes.claims import Claim, rows
from scratchticket.experiments.recipes.paper import PaperRecipe
from scratchticket.experiments.recipes.parts import (
    CIFAR,
    DENSE_ROW,
    RELEASED,
    main_transfer,
    mean_natural,
    panel,
    switched,
)
from scratchticket.experiments.recipes.scale import Scale
from scratchticket.experiments.recipes.table3 import NATURAL, PGD, dense_cells, named

SETS = ((3, 5, 7, 10), (3, 5, 7, 10, 15, 20, 30), (7, 10, 15, 20, 30))


def printed(table: str, percents: Sequence[int]) -> dict[str, list[float]]:
    """Return the paper's numbers of a set, natural and robust, by column of the table."""
    ratios = [percent / 100 for percent in percents]
    (row,) = published.table(table).where(candidate_set=ratios)
    return row


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the table."""
    title = RELEASED.format(scale.epsilon(8))
    for network, data in CIFAR:
        yield from dense_cells(scale, network, data)
        for percents in SETS:
            known = printed("table8", percents)[f"{network}_{data}"]
            reads = mean_natural(scale.some(percents)), switched(scale.some(percents), title)
            for column, read, number in zip((NATURAL, PGD), reads, known, strict=True):
                yield level(
                    scale,
                    panel(network, data),
                    named(percents),
                    lambda seed, n=network, d=data: main_transfer(scale, n, d, seed),  # type: ignore[misc]
                    read,
                    number,
                    column,
                )


RECIPE = PaperRecipe(
    "table8",
    "table",
    cells,
    (
        *(
            Claim(
                f"{named(percents)} beats the dense network in the protocol (App. F)",
                ">",
                lambda values, p=percents: rows(named(p), DENSE_ROW)(  # type: ignore[misc]
                    {where: found for where, found in values.items() if where[2] == PGD}
                ),
            )
            for percents in SETS
        ),
        Claim(
            "A wider set is more robust in the protocol (App. F)",
            ">",
            lambda values: rows(named(SETS[1]), named(SETS[0]))(
                {where: found for where, found in values.items() if where[2] == PGD}
            ),
        ),
    ),
)
