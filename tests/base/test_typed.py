"""Recipes and methods of attack take values of the types they declare, and NumPy's numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from types import NoneType
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

import scratchticket as st
from scratchticket import networks
from scratchticket.attacks import METHODS, AutoAttack, Method
from scratchticket.attacks.arc import ARC
from scratchticket.attacks.set_gradient import SetAPGD, SetPGD
from scratchticket.attacks.square import SetSquare
from scratchticket.base import rng
from scratchticket.base.errors import InputError
from scratchticket.data import DataRecipe
from scratchticket.learning import SearchRecipe
from scratchticket.masks import Pattern
from scratchticket.runs.recipe import BesideRecipe, EvaluationRecipe, StartRecipe

RECIPES = [
    DataRecipe,
    st.NetworkRecipe,
    Pattern,
    st.LearningRecipe,
    EvaluationRecipe,
    StartRecipe,
    BesideRecipe,
    st.Recipe,
    AutoAttack,
    SearchRecipe,
    *dict.fromkeys(type(method) for name, method in METHODS.items() if name != "square"),
]


def settings(kind: Any) -> list[tuple[Any, str, set[type]]]:
    """Return every setting of a dataclass that is a number or a switch, with its types."""
    hints = get_type_hints(kind)
    found = [(f.name, set(get_args(hints[f.name]) or [hints[f.name]])) for f in fields(kind)]
    return [(kind, name, kinds) for name, kinds in found if kinds & {bool, int, float}]


EVERY = [setting for kind in RECIPES for setting in settings(kind)]


def test_there_are_many() -> None:
    assert len(EVERY) > 40
    assert {"epochs", "last_batch", "steps", "seed", "width", "restarts"} <= {
        n for _, n, _ in EVERY
    }


@pytest.mark.parametrize(
    ("kind", "name", "types"), EVERY, ids=[f"{kind.__name__}.{name}" for kind, name, _ in EVERY]
)
def test_every_number_and_switch_refuses_what_it_is_not(
    kind: Callable[..., object], name: str, types: set[type]
) -> None:
    wrong: list[object] = [[1], {"a": 1}, object()]
    if bool in types:
        wrong += [1, 0, None, np.int64(1)]
    elif float not in types:
        wrong += [1.5, 2.0, np.float64(1.5)]
    if bool not in types:
        wrong += [True, np.bool_(False)]
    if str not in types:
        wrong += ["false", "1", "true"]
    if NoneType not in types:
        wrong.append(None)
    for value in wrong:
        with pytest.raises(InputError, match=rf"{name} must be .*, got "):
            kind(**{name: value})


def test_the_message_says_what_would_be_right() -> None:
    for make, message in (
        (lambda: st.LearningRecipe(last_batch="false"), "learning.last_batch must be true or fals"),
        (lambda: st.LearningRecipe(epochs=1.5), "learning.epochs must be a whole number, got 1.5"),
        (lambda: st.NetworkRecipe(width="8"), "network.width must be a whole number, got '8'"),
        (lambda: st.Recipe(attack="pgd"), "attack must be Attack, got 'pgd'"),
        (lambda: st.Recipe(ratio=[1]), "ratio must be text or a number"),
        (lambda: st.LearningRecipe(schedule="cosin"), "did you mean 'cosine'"),
    ):
        with pytest.raises(InputError, match=message):
            make()


def test_numbers_of_numpy_make_the_same_recipe() -> None:
    def recipe(whole: Callable[[int], Any], real: Callable[[float], Any]) -> st.Recipe:
        return st.Recipe(
            data=DataRecipe(size=whole(8), seed=whole(2), validation=real(0.25), lazy=False),
            network=st.NetworkRecipe("wide_resnet", whole(2), arguments={"depth": whole(10)}),
            ratio=real(0.5),
            pattern=Pattern(layers={"fc.weight": real(0.25)}),
            attack=st.AttackRecipe("pgd", real(0.125), whole(3), real(0.0625)),
            learning=st.LearningRecipe(epochs=whole(2), learning_rate=real(0.5), momentum=real(0)),
            evaluation=EvaluationRecipe(steps=whole(4)),
            seed=whole(7),
        )

    plain = recipe(int, float)
    for kinds in ((np.int64, np.float64), (np.uint8, np.float32)):
        other = recipe(*kinds)
        assert json.dumps(other.json()) == json.dumps(plain.json())
        assert other.id == plain.id
        assert other == plain
    assert st.LearningRecipe(last_batch=np.bool_(True)) == st.LearningRecipe(last_batch=True)


def test_numbers_of_numpy_are_taken_everywhere_else() -> None:
    whole = np.int64
    network = networks.build(
        "resnet18", classes=whole(3), channels=whole(1), image_size=whole(8), width=whole(2),
        seed=whole(5),
    )  # fmt: skip
    same = networks.build("resnet18", classes=3, channels=1, image_size=8, width=2, seed=5)
    weights = [dict(net.named_parameters()) for net in (network, same)]
    assert all(bool((weights[0][name] == weights[1][name]).all()) for name in weights[1])
    assert type(rng.check_seed(np.uint64(2**63 - 1))) is int
    assert type(networks.bare(network).fc.out_features) is int
    for wrong in (np.uint64(2**63), np.int64(-1), np.bool_(True), 1.0, np.float64(1)):
        with pytest.raises(InputError, match="seed must be an integer"):
            rng.check_seed(wrong)


@pytest.mark.parametrize("kind", [SetPGD, SetAPGD, ARC, SetSquare, type(METHODS["pgd"])])
def test_methods_of_sets_take_numbers_of_numpy_too(kind: Callable[..., Method]) -> None:
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    name = "steps" if "steps" in names else "queries"

    assert str(kind(**{name: np.int64(5)})) == str(kind(**{name: 5}))
    assert type(getattr(kind(**{name: np.int64(5)}), name)) is int
    with pytest.raises(InputError, match=f"{name} must be a whole number"):
        kind(**{name: 5.5})
