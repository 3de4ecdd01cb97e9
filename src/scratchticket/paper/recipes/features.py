"""Distance by which noise moves the features of a network: Figure 4."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scratchticket.base.record import FeaturesRecord
from scratchticket.paper.cells import Cell, Measured, Read, Source, level, of_kind
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import panel
from scratchticket.paper.scale import Scale
from scratchticket.sweeps.job import Job

LEVELS = (8, 12, 16)
WEIGHTS = ("random", "naturally trained", "adversarially trained")


def features(scale: Scale, seed: int) -> Job:
    """Return the job that measures the features of a seed's three networks."""
    unlearned: dict[str, Any] = {"learning__learning_rate": 0.0, "learning__epochs": 1}
    needs = {
        "random": scale.ticket("resnet18", "cifar10", 100, seed, **unlearned),
        "naturally trained": scale.dense("resnet18", "cifar10", seed, natural=True),
        "adversarially trained": scale.dense("resnet18", "cifar10", seed),
    }
    epsilons = [scale.epsilon(level) for level in LEVELS]
    return Job("features", {"epsilons": epsilons, "images": scale.images}, needs, "features")


def _distance(name: str, epsilon: str) -> Read:
    """Return the function that reads the distance of a network at an epsilon."""

    def read(record: Source) -> Measured:
        return Measured(of_kind(FeaturesRecord, record).distances[name][epsilon], 0)

    return read


def _figure4(scale: Scale) -> Iterator[Cell]:
    """How far do features move when noise is added to the image?

    Reproduces  Figure 4: distance of the last convolution's features between clean and noisy
                images, relative to the clean ones, for ResNet18 with random, naturally trained and
                adversarially trained weights on CIFAR-10.
    Expect      smaller distances after adversarial than after natural training.
    Deviations  three epsilons, where the paper has one; it prints no numbers.
    """
    for name in WEIGHTS:
        for epsilon in LEVELS:
            yield level(
                scale,
                panel("resnet18", "cifar10"),
                name,
                lambda seed: features(scale, seed),
                _distance(name, scale.epsilon(epsilon)),
                column=f"{epsilon}/255",
            )


FIGURE4 = PaperRecipe(
    "figure4",
    "bars",
    _figure4,
    (
        Claim(
            "Features move less after adversarial training than after natural training (5.2)",
            ">",
            rows("naturally trained", "adversarially trained"),
            short="features move less after adversarial training",
        ),
    ),
    "distance / size of the clean features",
)
