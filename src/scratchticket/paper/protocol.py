"""R2S in the paper's protocol beside the dense network: Tables 3, 8 and 9."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from scratchticket.attacks import Attack
from scratchticket.paper.cells import Cell, level, natural, robust, under
from scratchticket.paper.claims import Claim, best, rows
from scratchticket.paper.judged import judgement
from scratchticket.paper.parts import (
    DENSE_ROW,
    RELEASED,
    dense_accuracy,
    mean_natural,
    panel,
    switched,
)
from scratchticket.paper.scale import DataSet, Network, Scale
from scratchticket.sweeps.job import Job

NATURAL, PGD = "natural", "PGD-20"


def named(percents: Sequence[int]) -> str:
    """Return how R2S over some tickets is called."""
    return f"R2S, {', '.join(map(str, percents))} %"


def dense_cells(scale: Scale, network: Network, data: DataSet) -> Iterator[Cell]:
    """Return the dense network's two numbers, on the images that meet the transfer matrices."""
    known, near, images = dense_accuracy(network, data), scale.epsilon(8), scale.matrix_images
    settings = {"attacks": [{"name": "pgd"}], "epsilons": [near], "images": images}

    def job(seed: int) -> Job:
        if images is None:
            return scale.dense(network, data, seed)
        return judgement(scale, network, data, 100, seed, settings)

    for column, read, number in (
        (NATURAL, natural, known["natural"]),
        (PGD, robust if images is None else under(Attack(RELEASED, near)), known["robust"]),
    ):
        yield level(scale, panel(network, data), DENSE_ROW, job, read, number, column)


def set_cells(
    scale: Scale,
    name: str,
    percents: Sequence[int],
    matrix: Callable[[int], Job],
    known: tuple[float | None, float | None] = (None, None),
    of: str = "",
) -> Iterator[Cell]:
    """Return the two numbers of R2S over a set.

    Args:
        scale: How large.
        name: Of the panel.
        percents: Of the set, as in the paper.
        matrix: Returns the transfer matrix of a seed.
        known: The paper's numbers, natural and under PGD-20.
        of: What is added to the row's name.
    """
    some, attack = scale.some(percents), Attack(RELEASED, scale.epsilon(8))
    reads = {NATURAL: mean_natural(some), PGD: switched(some, attack)}
    for (column, read), number in zip(reads.items(), known, strict=True):
        yield level(scale, name, named(percents) + of, matrix, read, number, column)


def beats_dense(
    percents: Sequence[int], text: str, printed: tuple[str, str] | None = None, short: str = ""
) -> Claim:
    """Return the claim that R2S over a set is more robust than the dense network."""
    return Claim(text, ">", rows(named(percents), DENSE_ROW, only=PGD), printed, short)


def gains(
    section: str, sets: Iterable[Sequence[int]], what: str, panels: Iterable[str]
) -> Iterator[Claim]:
    """Return what a section says of the best of some sets, for each panel."""
    kinds = [named(percents) for percents in sets]
    for name in panels:
        text = f"The best set of {what} beats the dense network on {name} ({section})"
        yield Claim(text, ">", best(name, kinds, DENSE_ROW, PGD), (section, name))
