"""Searches cheaper than PGD-7: fewer steps or epochs, other batch sizes and learning rates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

from scratchticket.attacks import Attack, Bandits, Stage
from scratchticket.data import load_data
from scratchticket.evaluation import balls, suite
from scratchticket.paper.cells import Cell, level
from scratchticket.paper.claims import Claim, Values
from scratchticket.paper.comparison import Pair
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.recipes.digits import BASE
from scratchticket.paper.scale import Scale, Settings
from scratchticket.paper.study import (
    ACCURACIES,
    DRAW,
    ROBUST,
    Rows,
    attack_settings,
    evaluation_of,
    job_of,
    row_cells,
    search_cost,
    worst_case,
)
from scratchticket.runs.presets import PRESETS
from scratchticket.runs.recipe import Recipe

LONG, DEFAULT, CIFAR = "digits, 40 epochs", "digits, the defaults", "a part of CIFAR-10, width 8"
DEFAULTS = {
    name: BASE[name] for name in ("data.name", "network.name", "network.width", "attack.epsilon")
}
SMALL_CIFAR: Settings = {
    **{name: value for name, value in PRESETS["cifar"].items() if name != "ratio"},
    "data.name": "cifar10",
    "data.train_images": 10_000,
    "data.validation": "0.02",
    "network.width": 8,
    "learning.epochs": 16,
    "learning.batch_size": 64,
    "learning.schedule": "cosine",
    "learning.validate_every": 16,
}
_WORDS = {"learning_rate": "rate", "batch_size": "batches of", "warmup": "warm-up of"}
SHIPPED = {  # row of the search that ``--preset fast`` runs, by panel
    LONG: "FGSM-RS, 30 epochs, batches of 32",
    DEFAULT: "FGSM-RS, 15 epochs, batches of 32",
    CIFAR: "FGSM-RS, 10 epochs, batches of 32",
}
PROMISING = (  # searches that did well on digits, run on CIFAR-10 too
    "PGD-7, 16 epochs",
    "FGSM-RS, 13 epochs",
    "FGSM-RS, 13 epochs, rate 0.3",
    "FGSM-RS, 6 epochs, rate 0.3",
    "PGD-7, 3 epochs, rate 0.3",
)
ATTACKED = {  # searches that did as well as the baseline under PGD-20, run under more attacks
    LONG: ("PGD-7, 40 epochs", "FGSM-RS, 32 epochs", "FGSM-RS, 32 epochs, rate 1"),
    DEFAULT: ("PGD-7, 20 epochs", "FGSM-RS, 15 epochs, rate 0.1", SHIPPED[DEFAULT]),
}
COST, WORST = "forward passes", "worst case"


def search(base: Settings, attack: str, epochs: int, **more: Any) -> Rows:
    """Return one row: the settings of a search, by its name.

    Args:
        base: Settings of the data, the network and the attack.
        attack: ``PGD-k`` or ``FGSM-RS``.
        epochs: Number of epochs.
        more: Further settings of ``learning``.
    """
    steps = 1 if attack == "FGSM-RS" else int(attack.removeprefix("PGD-"))
    settings: Settings = {"attack.name": "fgsm-rs" if steps == 1 else "pgd", "attack.steps": steps}
    if steps != 7:
        settings["attack.step_size"] = None
    if base.get("learning.validate_every") == base.get("learning.epochs", 0):
        more = {"validate_every": epochs} | more
    settings |= {f"learning.{name}": value for name, value in more.items()}
    words = [attack, f"{epochs} epochs"]
    words += [f"{_WORDS[name]} {value:g}" for name, value in more.items() if name in _WORDS]
    return {", ".join(words): base | DRAW | settings | {"learning.epochs": epochs}}


def cheaper(base: Settings) -> Rows:
    """Return a search with PGD-7, and others with a fraction of its forward passes."""
    epochs = base["learning.epochs"]
    half_batch = base.get("learning.batch_size", Recipe().learning.batch_size) // 2
    rows = {**search(base, "PGD-7", epochs), **search(base, "PGD-7", epochs // 2)}
    for steps in (3, 2):
        rows |= search(base, f"PGD-{steps}", round(epochs * 8 / 5 / (steps + 1)))
    for attack, length in (("PGD-7", epochs // 5), ("FGSM-RS", round(epochs * 4 / 5))):
        rows |= search(base, attack, length)
        for rate in (0.3, 1.0):
            rows |= search(base, attack, length, learning_rate=rate)
        rows |= search(base, attack, length, batch_size=half_batch)
    for length in (round(epochs * 2 / 5), round(epochs / 5)):
        rows |= search(base, "FGSM-RS", length)
        rows |= search(base, "FGSM-RS", length, learning_rate=0.3)
    return rows


def one_cycle(base: Settings, epochs: int, **more: Any) -> Rows:
    """Return searches whose learning rate rises to 0.3 or 1, then falls."""
    rows: dict[str, Settings] = {}
    for rate in (0.3, 1.0):
        rows |= search(base, "FGSM-RS", epochs, learning_rate=rate, warmup=epochs // 3, **more)
    return rows


def seldom_validated(base: Settings, lengths: tuple[int, ...]) -> Rows:
    """Return searches with FGSM-RS that are validated every 8 epochs, to save time."""
    rows: dict[str, Settings] = {}
    few = {"validate_every": 8}
    for length in lengths:
        for rate in (0.1, 0.3, 1.0):
            rows |= search(base, "FGSM-RS", length, learning_rate=rate, **few)
        rows |= search(base, "FGSM-RS", length, batch_size=32, **few)
        rows |= search(base, "FGSM-RS", length, learning_rate=0.3, batch_size=128, **few)
        rows |= one_cycle(base, length, **few)
    return rows


@cache
def on_digits() -> Mapping[str, Rows]:
    """Return the searches on digits, by panel; the first of each panel is the baseline."""
    return {
        LONG: {**cheaper(BASE), **seldom_validated(BASE, (26, 30))},
        DEFAULT: {**search(DEFAULTS, "PGD-7", 20), **seldom_validated(DEFAULTS, (13, 15))},
    }


@cache
def on_cifar10() -> Mapping[str, Rows]:
    """Return the searches on CIFAR-10, by panel; the first is the baseline."""
    tried = cheaper(SMALL_CIFAR)
    rows = {name: tried[name] for name in PROMISING}
    for more in ({}, {"batch_size": 32}, {"batch_size": 16}):
        rows |= search(SMALL_CIFAR, "FGSM-RS", 10, **more)
    return {CIFAR: {**rows, **one_cycle(SMALL_CIFAR, 10)}}


@cache
def _many_attacks() -> Settings:
    """Return settings: suites ``quick`` and ``paper`` at one epsilon, without AutoAttack."""
    data = load_data("digits")
    where = balls("0.1", "linf", data.shape, epsilons=("0.1",))
    attacks = [
        replace(attack, method=Bandits(500)) if isinstance(attack.method, Bandits) else attack
        for name in ("quick", "paper")
        for attack in suite(name, where, len(data.classes))
        if not isinstance(attack.method, Stage)
    ]
    once: dict[str, Attack] = {str(attack): attack for attack in attacks}
    return attack_settings(tuple(once.values()), where.epsilons, where.l2)


def _cells(scale: Scale, panels: Mapping[str, Rows]) -> Iterator[Cell]:
    """Return cost and accuracies of all searches, and the worst case for those in ATTACKED."""
    for name, rows in panels.items():
        yield from row_cells(scale, name, rows, {COST: search_cost, **ACCURACIES})
        for row in ATTACKED.get(name, ()):
            jobs = {
                seed: evaluation_of(job_of(scale, rows, row, seed), _many_attacks())
                for seed in scale.seeds
            }
            yield level(scale, name, row, jobs.__getitem__, worst_case("0.1"), column=WORST)


def _digits(scale: Scale) -> Iterator[Cell]:
    """Can a search with FGSM-RS replace one with PGD-7, at a fifth of the operations?

    Reproduces  nothing in the paper, whose Figure 1 (h) compares inner attacks at equal numbers of
                epochs; here, searches take a fraction of the forward passes, counted per training
                image over the whole search.
    Expect      FGSM-RS with half the batch size and few validations as good as PGD-7, at a fifth of
                its forward passes.
    Deviations  those of the study on digits.
    """
    yield from _cells(scale, on_digits())


def _cifar10(scale: Scale) -> Iterator[Cell]:
    """Can FGSM-RS replace PGD-7 on a subset of CIFAR-10 too?

    Reproduces  nothing in the paper; the best searches of the study on digits.
    Expect      the same as on digits.
    Deviations  width 8 and 10,000 images, so that several searches are affordable.
    """
    yield from _cells(scale, on_cifar10())


def _claims(panels: Mapping[str, Rows]) -> tuple[Claim, ...]:
    """Return, for every other search, the claim that its panel's baseline is no more robust."""

    def pairs(panel: str, row: str, values: Values) -> Iterator[Pair]:
        first = next(iter(panels[panel]))
        yield values.get((panel, first, ROBUST), []), values.get((panel, row, ROBUST), [])

    return tuple(
        Claim(
            f"{next(iter(rows))}, is no more robust than {row} ({panel})",
            "<=",
            partial(pairs, panel, row),
            short=f"the fast preset is as robust as PGD-7 ({panel})"
            if row == SHIPPED[panel]
            else "",
        )
        for panel, rows in panels.items()
        for row in list(rows)[1:]
    )


FEWER_STEPS = PaperRecipe("fewer-steps", "table", _digits, _claims(on_digits()), scales=("quick",))
FEWER_STEPS_CIFAR10 = PaperRecipe(
    "fewer-steps-cifar10", "table", _cifar10, _claims(on_cifar10()), scales=("small",)
)
