"""Do tickets that were drawn in the l-inf ball resist attacks in the Euclidean one?

    scratchticket run table2 --scale paper
    scratchticket run table2 --scale small
    scratchticket run table2 --scale quick

Reproduces  Table 2: PGD-20 in l2 balls of radius 0.5, 1.71 and 2 on tickets and dense networks of
            CIFAR-10.
Expect      in the paper tickets behind the dense ResNet18 at the small radius and ahead at the
            large ones, those of WideResNet32 ahead of their dense network at all; at quick behind
            at the small radius, ahead at the largest.
Cost        72 jobs at paper, 24 at small, 24 at quick, where they take 20 minutes of a core. Three
            attacks of PGD-20 on each network, beyond the tickets of Figure 1.
Deviations  pixels lie in [0, 1] and steps are 2.5 radius / 20; the paper's accuracies at the large
            radii are higher than such an attack leaves. At quick radii are smaller: 0.23, 0.787 and
            0.92.
"""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.attacks import PGD, Attack
from scratchticket.paper import published
from scratchticket.paper.cells import Cell, under
from scratchticket.paper.claims import Claim, Values
from scratchticket.paper.comparison import Pair
from scratchticket.paper.judged import judged
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import DENSE_ROW
from scratchticket.paper.scale import Network, Scale

PERCENTS = (100, 5, 7, 10, 15, 20)
RADII = ("0.50", "1.71", "2.00")
NETWORKS: tuple[Network, ...] = ("resnet18", "wideresnet32")


def _published(network: str) -> dict[int, dict[str, float]]:
    """Return the paper's numbers by percent and column."""
    names = {100: "dense"} | {p: f"rst@{p / 100:.2f}" for p in PERCENTS[1:]}
    found = {}
    for percent, name in names.items():
        (row,) = published.table("table2").where(ticket=name, network=network)
        found[percent] = {f"l2, {radius}": row[f"eps_l2_{radius}"] for radius in RADII}
    return found


def cells(scale: Scale) -> Iterator[Cell]:
    """Return the numbers of the table."""
    attack = {"name": "pgd", "norm": "l2", "epsilons": list(scale.euclidean)}
    settings = {"attacks": [attack], "images": None}
    columns = [
        (f"l2, {printed}", under(Attack(PGD(), radius, "l2")))
        for printed, radius in zip(RADII, scale.euclidean, strict=True)
    ]
    for network in NETWORKS:
        yield from judged(scale, network, PERCENTS, settings, columns, _published(network))


def _at(radius: str, values: Values) -> Iterator[Pair]:
    """Pair tickets with the dense network at one radius."""
    for (panel, row, column), found in values.items():
        if column == f"l2, {radius}" and row != DENSE_ROW:
            yield found, values.get((panel, DENSE_ROW, column), [])


RECIPE = PaperRecipe(
    "table2",
    "table",
    cells,
    tuple(
        Claim(
            f"At radius {radius} tickets are more robust than the dense network (5.4)",
            ">",
            lambda values, r=radius: _at(r, values),  # type: ignore[misc]
            short=f"better than the dense network at radius {radius}",
        )
        for radius in RADII
    ),
    "robust accuracy (%)",
)
