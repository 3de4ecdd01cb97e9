"""Do attacks transfer between adversarial RTTs of one trained network?

    scratchticket run figure13 --scale paper
    scratchticket run figure13 --scale small
    scratchticket run figure13 --scale quick

Reproduces  Figure 13: the matrix of Figure 7 for tickets drawn from the adversarially trained
            ResNet18, on CIFAR-10 and CIFAR-100.
Expect      as in Figure 7.
Cost        54 jobs at paper, 12 at small, 18 at quick, where they take 20 minutes of a core. That
            of Figure 7, twice, beyond the RTTs of Figure 3.
Deviations  those of Figure 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from scratchticket.paper.cells import Cell
from scratchticket.paper.figure7 import CLAIMS, matrices
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import panel, trained_tickets, transfer
from scratchticket.paper.scale import DataSet, Scale
from scratchticket.sweeps.job import Job

DATA: tuple[DataSet, ...] = ("cifar10", "cifar100")
RTTS = (3, 5, 7, 10, 15, 20, 40)  # those of Table 9


def rtt_matrix(scale: Scale, data: DataSet) -> Callable[[int], Job]:
    """Return what makes of a seed the transfer matrix of ResNet18's adversarial RTTs."""
    drawn = trained_tickets(scale, "resnet18", data)
    label = f"transfer between RTTs, {panel('resnet18', data)}"
    return lambda seed: replace(transfer(scale, "resnet18", data, seed, drawn, RTTS), label=label)


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    for data in DATA:
        jobs = tuple(map(rtt_matrix(scale, data), scale.seeds))
        name = panel("resnet18", data) + ", adversarial RTTs"
        yield from matrices(scale, name, jobs, scale.some(RTTS))


RECIPE = PaperRecipe("figure13", "matrix", cells, CLAIMS, "robust accuracy (%)")
