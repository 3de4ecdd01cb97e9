"""Tables of tickets and dense networks under attacks that they were not drawn with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from scratchticket.paper.cells import Cell, Read, level
from scratchticket.paper.parts import DENSE_ROW, panel
from scratchticket.paper.scale import DataSet, Network, Scale
from scratchticket.sweeps.job import Job

Column = tuple[str, Read]  # its name, and what reads it from a judgement


def judgement(
    scale: Scale,
    network: Network,
    data: DataSet,
    percent: int,
    seed: int,
    settings: dict[str, Any],
) -> Job:
    """Return the judgement of a ticket, or of the dense network at 100 %."""
    subject = (
        scale.dense(network, data, seed)
        if percent == 100
        else scale.ticket(network, data, percent, seed)
    )
    return Job("judge", settings, {"subject": subject}, f"attacks on {subject.label}")


def judged(
    scale: Scale,
    network: Network,
    percents: Iterable[int],
    settings: dict[str, Any],
    columns: Sequence[Column],
    published: dict[int, dict[str, float]],
) -> Iterator[Cell]:
    """Return the part of a table about one network on CIFAR-10.

    Args:
        scale: How large.
        network: Which network.
        percents: The tickets', 100 for the dense network; all, whatever the scale.
        settings: Of the judgements.
        columns: The table's.
        published: The paper's numbers by percent and column.
    """
    for percent in percents:
        row = DENSE_ROW if percent == 100 else f"ticket, {percent} %"
        for name, read in columns:
            yield level(
                scale,
                panel(network, "cifar10"),
                row,
                lambda seed, p=percent: judgement(  # type: ignore[misc]
                    scale, network, "cifar10", p, seed, settings
                ),
                read,
                published[percent][name],
                name,
            )
