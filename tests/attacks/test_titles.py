"""A title shows every setting that differs from its default; records are matched by settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import pytest

from scratchticket.attacks import (
    APGD,
    FGSM,
    METHODS,
    PGD,
    Attack,
    AttackRecipe,
    AutoAttack,
    Bandits,
    Method,
    Stage,
    TargetedAPGD,
)
from scratchticket.attacks.arc import ARC
from scratchticket.attacks.set_gradient import SetAPGD, SetPGD
from scratchticket.attacks.square import SetSquare
from scratchticket.base.errors import InputError

EVERY: list[Method] = [
    *(method for name, method in METHODS.items() if name != "none"),
    *(Stage(name) for name in ("apgd-ce", "apgd-t", "fab-t")),  # type: ignore[arg-type]
    AutoAttack(),
    AutoAttack("rand"),
    PGD(momentum=1.0),
    SetPGD(),
    SetAPGD(),
    ARC(),
    SetSquare(),
]
OTHERS: dict[str, tuple[Any, ...]] = {
    "step_size": ("0.001", "0.003"),
    "momentum": (0.5, 0.25, 1.0),
    "loss": ("margin", "dlr", "eot", "mean-logits"),
    "keep": ("first", "last", "best", "worst"),
    "samples": (3, 5),
    "tiles": (2, 4),
    "version": ("standard", "rand"),
    "random_start": (True, False),
    "stage": ("apgd-ce", "square"),
    "learning_rate": (0.5, 0.25),
    "constant": (0.5, 0.25),
}


def at(method: Method) -> Attack:
    return Attack(method, None if method.nearest else "0.1", method.norms[0])


def changed(method: Method) -> Iterator[Method]:
    """Yield copies of the method with one setting changed to another valid value."""
    for setting in fields(method):  # type: ignore[arg-type]
        if setting.name not in method.unused:  # type: ignore[attr-defined]
            for value in OTHERS.get(setting.name, (7, 9, 11)):
                try:
                    yield replace(method, **{setting.name: value})  # type: ignore[type-var]
                except InputError:  # for example a loss the method does not have
                    continue


@pytest.mark.parametrize("method", EVERY, ids=str)
def test_attacks_of_different_settings_have_different_titles(method: Method) -> None:
    attacks = {at(one) for one in (method, *changed(method))}

    assert len({str(attack) for attack in attacks}) == len(attacks) > 1


@pytest.mark.parametrize("method", EVERY, ids=str)
def test_default_settings_are_not_shown(method: Method) -> None:
    assert str(at(method)) == at(method).stream


@pytest.mark.parametrize(
    ("attack", "title"),
    [
        (Attack(PGD(step_size="0.0001"), "0.1"), "pgd-20 (step size 0.0001), linf, 0.1"),
        (
            Attack(PGD(step_size="0.0125"), "0.1"),
            "pgd-20, linf, 0.1",
        ),  # the default, given explicitly
        (Attack(PGD(step_size="2/255"), "8/255"), "pgd-20, linf, 8/255"),
        (
            Attack(PGD(keep="best", random_start=False), "0.1"),
            "pgd-20 (best; no random start), linf, 0.1",
        ),
        (Attack(PGD(momentum=0.5), "0.1"), "momentum-pgd-20 (momentum 0.5), linf, 0.1"),
        (Attack(TargetedAPGD(targets=3), "0.1"), "apgd-t-100 (targets 3), linf, 0.1"),
        (Attack(Bandits(tiles=4), "0.1"), "bandits-10000 (tiles 4), linf, 0.1"),
        (Attack(AutoAttack(queries=5), "0.1"), "autoattack-100 (queries 5), linf, 0.1"),
        (Attack(Stage("square", steps=2), "0.1"), "square-5000 of autoattack, linf, 0.1"),
        (Attack(SetPGD(probabilities=(0.5, 0.5)), "0.1"), "eot-pgd-20, linf, 0.1"),
    ],
    ids=str,
)
def test_titles(attack: Attack, title: str) -> None:
    assert str(attack) == title


def test_streams_of_random_numbers_do_not_depend_on_what_titles_show() -> None:
    """Random numbers of the validation attack decide which epoch becomes the ticket."""
    assert Attack(PGD(step_size="0.0001"), "0.1").stream == "pgd-20, linf, 0.1"


@dataclass(frozen=True)
class Foreign(FGSM):
    """A plug-in whose name shows one of its settings."""

    depth: int = 1
    width: int = 1

    def __str__(self) -> str:
        return f"foreign-{self.depth}"


def test_the_title_of_a_plug_in_shows_settings_missing_from_its_name() -> None:
    assert str(Attack(Foreign(depth=3), "0.1")) == "foreign-3, linf, 0.1"
    assert str(Attack(Foreign(depth=3, width=2), "0.1")) == "foreign-3 (width 2), linf, 0.1"


@pytest.mark.parametrize(
    ("recipe", "title"),
    [
        (AttackRecipe(epsilon="0.1"), "pgd-7, linf, 0.1"),
        (AttackRecipe(step_size="2/255"), "pgd-7, linf, 8/255"),
        (AttackRecipe(step_size="0.01"), "pgd-7 (step size 0.01), linf, 8/255"),
        (
            AttackRecipe("fgsm-rs", step_size="0.01"),
            "fgsm-rs, linf, 8/255",
        ),  # FGSM has no step size
    ],
    ids=str,
)
def test_titles_of_inner_attacks(recipe: Attack, title: str) -> None:
    assert str(recipe) == title == recipe.facts()["title"]


@pytest.mark.parametrize("method", EVERY, ids=str)
def test_rows_are_matched_by_settings(method: Method) -> None:
    attack, others = at(method), [at(one) for one in changed(method)]
    row = json.loads(json.dumps(attack.facts())) | {"title": "title in another version"}

    assert attack.matches(row)
    assert not any(other.matches(row) for other in others if other.method != attack.method)
    assert not attack.matches(row | {"epsilon": "0.3"})


def test_a_setting_missing_from_a_row_counts_as_its_default() -> None:
    row = Attack(PGD(), "0.1").facts()
    del row["settings"]["momentum"]

    assert Attack(PGD(), "0.1").matches(row)
    assert not Attack(PGD(momentum=1.0), "0.1").matches(row)


def test_a_row_with_an_unknown_setting_does_not_match() -> None:
    row = Attack(PGD(), "0.1").facts()
    known = json.loads(json.dumps(row))

    known["settings"]["bounces"] = 2

    assert Attack(PGD(), "0.1").matches(row)
    assert not Attack(PGD(), "0.1").matches(known)
    assert not Attack(PGD(), "0.1", "l2").matches(row)


def test_a_step_size_missing_from_a_row_counts_as_the_default_of_its_ball() -> None:
    row = Attack(PGD(), "0.1").facts()
    del row["settings"]["step_size"]

    assert Attack(PGD(step_size="0.0125"), "0.1").matches(row)
    assert not Attack(PGD(step_size="0.01"), "0.1").matches(row)


def test_the_title_of_auto_pgd_shows_restarts() -> None:
    assert str(Attack(APGD(restarts=5), "0.1")) == "apgd-ce-100 x5, linf, 0.1"
