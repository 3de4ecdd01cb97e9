"""How do costs grow: a step of a draw, an evaluation, a sweep?

    python -m benchmarks growth                  # everything: ten minutes
    python -m benchmarks growth width images

Each is measured at several sizes, in turn. The exponent is the slope of a straight line through the
logarithms of sizes and medians: 1 where twice the size takes twice the time. Beside it stands the
exponent of the operations, counted as in ``draw``. A row is appended to records/growth.jsonl.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import linear_regression, median

import torch

import scratchticket as st
from benchmarks.draw import Case, Way, operations, ours
from benchmarks.measure import ROOT, append, circumstances, options_of, spread
from benchmarks.rows import GrowthRow
from scratchticket.attacks import PGD, Attack
from scratchticket.data import ImageSet
from scratchticket.evaluation import evaluate
from scratchticket.sweeps import Job, Store, work

RECORDS = ROOT / "records" / "growth.jsonl"
TURNS = 3


@dataclass(frozen=True)
class Growth:
    """What grows.

    Attributes:
        what: Is measured.
        sizes: Rising.
        action: Returns the seconds at a size.
        cost: Returns how much there is to do.
        unit: That it is counted in.
    """

    what: str
    sizes: tuple[int, ...]
    action: Callable[[int], float]
    cost: Callable[[int], float]
    unit: str = "10^9 operations"


def _of_draw(case: Callable[[int], Case]) -> tuple[Callable[[int], float], Callable[[int], float]]:
    """Return what times the median step of a case, and what counts its operations."""
    return lambda size: median(ours(case(size), Way())()), lambda size: operations(case(size)) / 1e9


def _by_width(width: int) -> Case:
    return Case(st.NetworkRecipe("resnet18", width=width), (3, 32, 32), 16)


def _by_batch(batch: int) -> Case:
    return Case(st.NetworkRecipe("resnet18", width=16), (3, 32, 32), batch)


def _by_side(side: int) -> Case:
    return Case(st.NetworkRecipe("resnet18", width=16), (3, side, side), 16)


def _evaluated(count: int) -> float:
    """Return the seconds of PGD-20 on so many images, with an epsilon that fools nobody."""
    draws = torch.Generator().manual_seed(0)
    values = torch.randint(256, (count, 1, 8, 8), generator=draws, dtype=torch.uint8)
    network = st.networks.build("resnet18", classes=10, channels=1, width=16).eval()
    with torch.no_grad():
        labels = network(values.float() / 255).argmax(dim=1)
    begun = time.perf_counter()
    evaluate(network, ImageSet(values, labels), [Attack(PGD(), "0.0001")])
    return time.perf_counter() - begun


def _swept(count: int) -> float:
    """Return the seconds of a sweep of so many tickets, each drawn in one epoch."""
    settings = {"data.name": "digits", "data.train_images": 64, "network.width": 2}
    settings |= {"learning.epochs": 1, "evaluation.steps": 1, "attack.name": "fgsm"}
    jobs = [Job("run", settings | {"seed": seed}) for seed in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        work(Store(Path(folder)), jobs)
        return time.perf_counter() - begun


GROWTHS = {
    "width": Growth(
        "step of a draw, ResNet18 of 32x32, batch 16: width",
        (8, 16, 32, 64),
        *_of_draw(_by_width),
    ),
    "batch": Growth(
        "step of a draw, ResNet18 of 32x32, width 16: batch",
        (8, 16, 32, 64, 128),
        *_of_draw(_by_batch),
    ),
    "side": Growth(
        "step of a draw, ResNet18, width 16, batch 16: side of an image",
        (16, 32, 64, 128),
        *_of_draw(_by_side),
    ),
    "images": Growth(
        "PGD-20, ResNet18 of 8x8, width 16: images",
        (250, 500, 1000, 2000),
        _evaluated,
        float,
        "images",
    ),
    "tickets": Growth("sweep of small draws: tickets", (4, 8, 16, 32), _swept, float, "tickets"),
}


def exponent(sizes: tuple[int, ...], values: list[float]) -> float:
    """Return the slope of values against sizes, both as logarithms."""
    return linear_regression([log(size) for size in sizes], [log(v) for v in values]).slope


def measured(name: str) -> GrowthRow:
    """Return the row of something that grows."""
    growth, where = GROWTHS[name], circumstances()
    costs = [growth.cost(size) for size in growth.sizes]
    seconds: dict[int, list[float]] = {size: [] for size in growth.sizes}
    growth.action(growth.sizes[0])  # the first call is not counted
    for _ in range(TURNS):
        for size, taken in seconds.items():
            taken.append(growth.action(size))
    return GrowthRow(
        name=name,
        what=growth.what,
        sizes=growth.sizes,
        seconds=tuple(spread(taken) for taken in seconds.values()),
        costs=tuple(costs),
        unit=growth.unit,
        exponent=exponent(growth.sizes, [median(taken) for taken in seconds.values()]),
        of_operations=exponent(growth.sizes, costs),
        **where,
    )


def main(arguments: list[str]) -> None:
    """Measure what is asked for."""
    parser = options_of("growth", __doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(GROWTHS))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in GROWTHS]:
        parser.error(f"no growth {unknown[0]!r}; there are {', '.join(GROWTHS)}")
    torch.set_num_threads(options.threads)
    for name in options.names or GROWTHS:
        row = measured(name)
        append(RECORDS, row)
        print(f"{name}: {row.exponent:.2f}, operations {row.of_operations:.2f}", flush=True)
