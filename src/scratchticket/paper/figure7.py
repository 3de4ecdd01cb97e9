"""Do attacks made on one ticket fool another of the same network?

    scratchticket run figure7 --scale paper
    scratchticket run figure7 --scale small
    scratchticket run figure7 --scale quick

Reproduces  Figure 7: PGD-20 made on one ticket of ResNet18 on CIFAR-10 (row), accuracy of another
            (column), for eight remaining ratios.
Expect      the diagonal well below the rest, in the paper by 20 points, at small and quick by ten;
            a third to a half of the gap gone when the search is not stopped at its first success.
Cost        63 jobs at paper, 11 at small, 19 at quick, where they take 35 minutes of a core. Beyond
            Figure 1, of each seed: its tickets once more from another random network, a naturally
            trained network, and PGD-20 on all of these, four times.
Deviations  beside the released protocol, in which the search for an image stops as soon as its
            source is fooled, the same search is shown to its end.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.attacks import Attack
from scratchticket.paper import published
from scratchticket.paper.cells import Cell, crossed
from scratchticket.paper.claims import Claim, Values, off_diagonal
from scratchticket.paper.comparison import Pair
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import (
    MATRIX,
    RELEASED,
    WHOLE_SEARCH,
    main_matrix,
    panel,
    percent_name,
)
from scratchticket.paper.scale import DataSet, Network, Scale
from scratchticket.sweeps.job import Job

STOPPED, WHOLE = "stopped at the first success", "to the end"


def matrices(
    scale: Scale, name: str, jobs: tuple[Job, ...], percents: tuple[int, ...], known: bool = False
) -> Iterator[Cell]:
    """Return the matrix of the released protocol and that of the whole search."""
    theirs = published.matrix("figure7") if known else {}
    for kind, method in ((STOPPED, RELEASED), (WHOLE, WHOLE_SEARCH)):
        attack = Attack(method, scale.epsilon(8))
        for source in percents:
            for column in percents:
                read = crossed(percent_name(source), percent_name(column), attack)
                number = theirs.get(source, {}).get(column) if kind == STOPPED else None
                yield Cell(
                    f"{name}, {kind}",
                    percent_name(source),
                    percent_name(column),
                    jobs,
                    read,
                    number,
                )


def tickets_of(scale: Scale, network: Network, data: DataSet) -> Iterator[Cell]:
    """Return the matrices of a network's tickets; of Fig. 12 too."""
    jobs = tuple(map(main_matrix(scale, network, data), scale.seeds))
    known = (network, data) == ("resnet18", "cifar10")
    yield from matrices(scale, panel(network, data), jobs, scale.some(MATRIX), known)


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the figure."""
    yield from tickets_of(scale, "resnet18", "cifar10")


def _of(kind: str, values: Values) -> Iterator[Pair]:
    """Pair off-diagonal and diagonal numbers of one kind of matrix."""
    return off_diagonal(
        {where: found for where, found in values.items() if where[0].endswith(kind)}
    )


CLAIMS = (
    Claim(
        "Attacks made on another ticket leave more than those on the ticket itself (6.1)",
        ">",
        lambda values: _of(STOPPED, values),
        short="fools the others as well",
        denied=True,
    ),
    Claim(
        "... also when the search is not stopped (not in the paper)",
        ">",
        lambda values: _of(WHOLE, values),
        short="fools them as well when it goes on after its first success",
        denied=True,
    ),
)
RECIPE = PaperRecipe("figure7", "matrix", cells, CLAIMS, "robust accuracy (%)")
