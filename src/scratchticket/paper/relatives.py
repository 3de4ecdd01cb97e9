"""Tickets beside their relatives, fine-tuned or drawn from trained networks, over the ratio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from scratchticket.paper.cells import Cell, Read, curve
from scratchticket.paper.parts import CIFAR, PERCENTS, Drawn, panel
from scratchticket.paper.scale import DataSet, Network, Scale
from scratchticket.sweeps.job import Job

TUNED, NEW = "fine-tuned, inherited", "fine-tuned, new"
NATURAL_RTT, RTT = "natural RTT", "adversarial RTT"
Published = dict[str, dict[int, float]]


def family(scale: Scale, network: Network, data: DataSet, level: int = 8) -> dict[str, Drawn]:
    """Return the makers of tickets and their relatives, by row.

    Args:
        scale: How large.
        network: Which network.
        data: On which data.
        level: Epsilon in 255ths.
    """

    def ticket(percent: int, seed: int) -> Job:
        return scale.ticket(network, data, percent, seed, level)

    def tuned(weights: str) -> Drawn:
        return lambda percent, seed: scale.tuned(
            ticket(percent, seed),
            data,
            seed,
            weights,  # type: ignore[arg-type]
            level,
        )

    def trained(natural: bool) -> Drawn:
        def make(percent: int, seed: int) -> Job:
            start = scale.dense(network, data, seed, level, natural=natural)
            return scale.trained_ticket(start, data, percent, seed, level)

        return make

    return {
        "ticket": ticket,
        TUNED: tuned("inherited"),
        NEW: tuned("new"),
        NATURAL_RTT: trained(natural=True),
        RTT: trained(natural=False),
    }


def on_cifar(
    scale: Scale, chosen: Iterable[str], read: Read, published: Published | None = None
) -> Iterator[Cell]:
    """Return some relatives on both networks and data sets of Figs. 1 to 3.

    Args:
        scale: How large.
        chosen: Which of them.
        read: What to read from their records.
        published: The paper's values by row and percent, of ResNet18 on CIFAR-10.
    """
    for network, data in CIFAR:
        known = published if (network, data) == ("resnet18", "cifar10") else None
        makers = family(scale, network, data)
        yield from compared(scale, panel(network, data), makers, chosen, PERCENTS, read, known)


def compared(  # noqa: PLR0913
    scale: Scale,
    panel: str,
    makers: dict[str, Callable[[int, int], Job]],
    chosen: Iterable[str],
    percents: Iterable[int],
    read: Read,
    published: Published | None = None,
) -> Iterator[Cell]:
    """Return the lines of some relatives.

    Args:
        scale: How large.
        panel: Where they are drawn.
        makers: See :func:`family`.
        chosen: Which of them.
        percents: Of the paper.
        read: What to read from their records.
        published: The paper's values by row and percent.
    """
    for row in chosen:
        known = (published or {}).get(row)
        yield from curve(scale, panel, row, percents, makers[row], read, known)
