"""Tickets and the dense network on a subset of CIFAR-10."""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper.cells import Cell, level
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import DENSE_ROW, panel
from scratchticket.paper.scale import Scale
from scratchticket.paper.study import COLUMNS, ROBUST
from scratchticket.sweeps.job import Job

PERCENTS = (5, 10, 20)


def network_job(scale: Scale, percent: int, seed: int) -> Job:
    """Return the job that makes a ticket of ResNet18 on CIFAR-10; at 100 % the dense network."""
    if percent == 100:
        return scale.dense("resnet18", "cifar10", seed)
    return scale.ticket("resnet18", "cifar10", percent, seed)


def row_name(percent: int) -> str:
    """Return the name of a ticket's row; at 100 % that of the dense network."""
    return DENSE_ROW if percent == 100 else f"ticket, {percent} %"


def cells(scale: Scale) -> Iterator[Cell]:
    """Do robust scratch tickets exist on CIFAR-10, with a narrow network and few epochs?

    Reproduces  three tickets and the dense network of Figure 1 (a), with the sizes of their files.
    Expect      tickets within two points of the dense network in robust accuracy, and well below it
                in natural accuracy.
    Deviations  those of Figure 1 at this scale.
    """
    for percent in (100, *PERCENTS):
        for column, read in COLUMNS.items():
            yield level(
                scale,
                panel("resnet18", "cifar10"),
                row_name(percent),
                lambda seed, p=percent: network_job(scale, p, seed),  # type: ignore[misc]
                read,
                column=column,
            )


CIFAR10 = PaperRecipe(
    "cifar10",
    "table",
    cells,
    (
        *(
            Claim(
                f"A ticket of {percent} % is comparable to the dense network (4.2)",
                "~",
                rows(row_name(percent), DENSE_ROW, only=ROBUST),
                short=f"a ticket of {percent} % matches the dense network",
            )
            for percent in PERCENTS
        ),
        Claim(
            "A ticket of 10 % beats one of 5 % (4.2)",
            ">",
            rows(row_name(10), row_name(5), only=ROBUST),
        ),
    ),
    scales=("small",),
)
