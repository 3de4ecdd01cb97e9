"""What several tables and figures share: where they look, and jobs on sets of tickets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import mean

from scratchticket.attacks import PGD, Attack
from scratchticket.base.record import TransferRecord
from scratchticket.paper import published
from scratchticket.paper.cells import Measured, Read, Source, of_kind, row_of
from scratchticket.paper.scale import DataSet, Network, Scale
from scratchticket.sweeps.job import DENSE, Job

CIFAR: tuple[tuple[Network, DataSet], ...] = (
    ("resnet18", "cifar10"),
    ("resnet18", "cifar100"),
    ("wideresnet32", "cifar10"),
    ("wideresnet32", "cifar100"),
)
PERCENTS = (*range(1, 11), *range(15, 20, 5), *range(20, 100, 10))  # Figs. 1 to 3
FEWER = (1, 3, 5, 7, 10, 15, 20, 40, 60, 80)  # where several tickets are compared
LOW = range(1, 21)  # the zoom-ins
PLATEAU = range(5, 41)  # where tickets are comparable to the dense network (4.2)
MATRIX = (3, 5, 7, 10, 15, 20, 40, 60)  # Figs. 7 and 12
SET = (5, 7, 10, 15, 20, 30)  # what R2S switches between (Table 3), as printed
AS_NUMBERS = (5, 7, 10, 15, 20, 40)  # as its numbers say
TICKET, DENSE_ROW = "ticket", "dense"
OTHER_NETWORK = 1000  # is added to a seed for tickets of another random network
RELEASED, WHOLE_SEARCH = PGD(), PGD(keep="best")  # of the paper's protocol; to its end


def panel(network: str, data: str) -> str:
    """Return how the numbers of a network on some data are called."""
    return f"{network} / {data}"


def dense_accuracy(network: str, data: str) -> dict[str, float]:
    """Return natural and PGD-20 accuracy of the paper's dense network (Table 3)."""
    (row,) = published.table("table3").where(defence="dense", network=network, dataset=data)
    return {"natural": row["natural_acc"], "robust": row["pgd20_acc"]}


def percent_name(percent: int) -> str:
    """Return how a ticket is called among others."""
    return f"{percent} %"


Drawn = Callable[[int, int], Job]  # percent and seed to a ticket


def tickets(scale: Scale, network: Network, data: DataSet) -> Drawn:
    """Return what draws the tickets of a network."""
    return lambda percent, seed: scale.ticket(network, data, percent, seed)


def trained_tickets(scale: Scale, network: Network, data: DataSet) -> Drawn:
    """Return what draws adversarial RTTs: tickets from the adversarially trained network."""
    return lambda percent, seed: scale.trained_ticket(
        scale.dense(network, data, seed), data, percent, seed
    )


def transfer(
    scale: Scale,
    network: Network,
    data: DataSet,
    seed: int,
    drawn: Drawn,
    percents: Iterable[int] = (*MATRIX, 30),
    outside: bool = False,
) -> Job:
    """Return the transfer matrix of the tickets of one network.

    Args:
        scale: How large.
        network: Which network.
        data: On which data.
        seed: Of the tickets.
        drawn: Makes them.
        percents: Which.
        outside: Attack from dense networks and another seed's tickets too.
    """
    chosen = sorted(scale.some(percents))
    needs = {percent_name(percent): drawn(percent, seed) for percent in chosen}
    if outside:
        needs |= {
            "dense natural": scale.dense(network, data, seed, natural=True),
            "dense adversarial": scale.dense(network, data, seed),
        }
        for percent in chosen:
            other = drawn(percent, seed + OTHER_NETWORK)
            needs[f"{percent} %, other seed"] = replace(other, label=f"{other.label}, other seed")
    settings = {"epsilons": [scale.epsilon(8)], "images": scale.matrix_images}
    return Job("transfer", settings, needs, f"transfer between tickets, {panel(network, data)}")


def main_matrix(scale: Scale, network: Network, data: DataSet) -> Callable[[int], Job]:
    """Return what makes of a seed the transfer matrix that Tables 3, 7, 8, Figs. 7, 12 read."""
    outside = (network, data) == ("resnet18", "cifar10")
    drawn = tickets(scale, network, data)
    return lambda seed: transfer(scale, network, data, seed, drawn, outside=outside)


def switch(
    scale: Scale, network: Network, data: DataSet, seed: int, percents: Sequence[int] = SET
) -> Job:
    """Return R2S under attackers who know it; under everything where AutoAttack was run too."""
    drawn = tickets(scale, network, data)
    needs = {percent_name(p): drawn(p, seed) for p in scale.some(percents)}
    needs[DENSE] = scale.dense(network, data, seed)
    settings = {
        "suite": "full" if data == "cifar10" else "quick",
        "epsilons": [scale.epsilon(8), scale.epsilon(12)],
        "images": scale.images,
    }
    return Job("switch", settings, needs, f"R2S, {panel(network, data)}")


def switched(percents: Iterable[int], attack: Attack) -> Read:
    """Return what reads R2S's accuracy in the paper's protocol from a transfer matrix.

    It is the mean of the matrix, diagonal included: attacker and defender both draw from the set.
    """
    names = [percent_name(percent) for percent in percents]

    def read(record: Source) -> Measured:
        found = row_of(of_kind(TransferRecord, record).matrices, attack)
        right = mean(found.rows[row][column] for row in names for column in names)
        return Measured(right / found.total, found.total)

    return read


def mean_natural(percents: Iterable[int]) -> Read:
    """Return what reads R2S's natural accuracy from a transfer's record."""
    names = [percent_name(percent) for percent in percents]

    def read(record: Source) -> Measured:
        transfer = of_kind(TransferRecord, record)
        right = mean(transfer.natural[name] for name in names)
        return Measured(right / transfer.total, transfer.total)

    return read
