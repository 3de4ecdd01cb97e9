"""Parts shared by recipes: names of panels, sets of percents, and jobs on sets of tickets."""

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
FEWER = (1, 3, 5, 7, 10, 15, 20, 40, 60, 80)  # in figures that compare kinds of tickets
LOW = range(1, 21)  # in the enlarged parts of Figs. 2 and 10
PLATEAU = range(5, 41)  # percents at which tickets are comparable to the dense network (4.2)
MATRIX = (3, 5, 7, 10, 15, 20, 40, 60)  # Figs. 7 and 12
SET = (5, 7, 10, 15, 20, 30)  # percents of R2S's tickets as printed in Table 3
ACTUAL_SET = (5, 7, 10, 15, 20, 40)  # percents from which the numbers of Table 3 come
TICKET, DENSE_ROW = "ticket", "dense"
OTHER_NETWORK = 1000  # added to a seed for tickets of another random network
RELEASED = PGD()  # the attack of the paper's protocol, which stops at its first success
WHOLE_SEARCH = PGD(keep="best")  # the same attack without stopping


def panel(network: str, data: str) -> str:
    """Return the name of a panel, such as ``resnet18 / cifar10``."""
    return f"{network} / {data}"


def dense_accuracy(network: str, data: str) -> dict[str, float]:
    """Return natural accuracy and accuracy under PGD-20 of the paper's dense network (Table 3)."""
    (row,) = published.table("table3").where(defence="dense", network=network, dataset=data)
    return {"natural": row["natural_acc"], "robust": row["pgd20_acc"]}


def percent_name(percent: int) -> str:
    """Return the name of a ticket within a set, such as ``5 %``."""
    return f"{percent} %"


MakeTicket = Callable[[int, int], Job]  # from percent and seed to the job that draws the ticket


def tickets(scale: Scale, network: Network, data: DataSet) -> MakeTicket:
    """Return the function that makes the tickets of a random network."""
    return lambda percent, seed: scale.ticket(network, data, percent, seed)


def trained_tickets(scale: Scale, network: Network, data: DataSet) -> MakeTicket:
    """Return the function that makes tickets of the adversarially trained network (RTTs)."""
    return lambda percent, seed: scale.trained_ticket(
        scale.dense(network, data, seed), data, percent, seed
    )


def transfer(
    scale: Scale,
    network: Network,
    data: DataSet,
    seed: int,
    make: MakeTicket,
    percents: Iterable[int] = (*MATRIX, 30),
    outside: bool = False,
) -> Job:
    """Return the job that computes the transfer matrix of a network's tickets.

    Args:
        scale: Scale of the jobs.
        network: The paper's name of the network.
        data: The paper's name of the data set.
        seed: Seed of the tickets.
        make: Makes the tickets.
        percents: Remaining percents of the tickets.
        outside: Whether to add dense networks and tickets of another seed.
    """
    chosen = sorted(scale.restricted(percents))
    needs = {percent_name(percent): make(percent, seed) for percent in chosen}
    if outside:
        needs |= {
            "dense natural": scale.dense(network, data, seed, natural=True),
            "dense adversarial": scale.dense(network, data, seed),
        }
        for percent in chosen:
            other = make(percent, seed + OTHER_NETWORK)
            needs[f"{percent} %, other seed"] = replace(other, label=f"{other.label}, other seed")
    settings = {"epsilons": [scale.epsilon(8)], "images": scale.matrix_images}
    return Job("transfer", settings, needs, f"transfer between tickets, {panel(network, data)}")


def main_matrix(scale: Scale, network: Network, data: DataSet) -> Callable[[int], Job]:
    """Return a function from a seed to the job that computes the transfer matrix of its tickets.

    Tables 3 and 7 to 9 and Figs. 7 and 12 are read from this matrix.
    """
    outside = (network, data) == ("resnet18", "cifar10")  # shown in Table 7
    make = tickets(scale, network, data)
    return lambda seed: transfer(scale, network, data, seed, make, outside=outside)


def switch(
    scale: Scale, network: Network, data: DataSet, seed: int, percents: Sequence[int] = SET
) -> Job:
    """Return the job that evaluates R2S under attackers who know its tickets.

    The suite is ``full`` on CIFAR-10, where the paper runs AutoAttack, and ``quick`` elsewhere.
    """
    make = tickets(scale, network, data)
    needs = {percent_name(p): make(p, seed) for p in scale.restricted(percents)}
    needs[DENSE] = scale.dense(network, data, seed)
    settings = {
        "suite": "full" if data == "cifar10" else "quick",
        "epsilons": [scale.epsilon(8), scale.epsilon(12)],
        "images": scale.images,
    }
    return Job("switch", settings, needs, f"R2S, {panel(network, data)}")


def r2s_robust(percents: Iterable[int], attack: Attack) -> Read:
    """Return the function that reads R2S's accuracy in the paper's protocol.

    It is the mean of the transfer matrix, including the diagonal: attacker and defender both draw a
    ticket of the set.
    """
    names = [percent_name(percent) for percent in percents]

    def read(record: Source) -> Measured:
        found = row_of(of_kind(TransferRecord, record).matrices, attack)
        correct = mean(found.rows[row][column] for row in names for column in names)
        return Measured(correct / found.total, found.total)

    return read


def r2s_natural(percents: Iterable[int]) -> Read:
    """Return the function that reads R2S's natural accuracy from a record of ``transfer``."""
    names = [percent_name(percent) for percent in percents]

    def read(record: Source) -> Measured:
        transfer = of_kind(TransferRecord, record)
        correct = mean(transfer.natural[name] for name in names)
        return Measured(correct / transfer.total, transfer.total)

    return read
