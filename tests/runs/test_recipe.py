"""Recipes: settings by dotted path, canonical, named by what they are."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

import scratchticket as st
from scratchticket.attacks import inner_settings
from scratchticket.base.errors import InputError
from scratchticket.paper.recipes import searches
from scratchticket.paper.scales import SCALES
from scratchticket.runs.cost import forward_passes, judging_share
from scratchticket.runs.presets import PRESETS
from scratchticket.runs.recipe import BesideRecipe, make_recipe, paths, stored_recipe


def test_every_setting_has_a_path() -> None:
    def leaves(tree: dict[str, Any], prefix: str = "") -> set[str]:
        found = set()
        for name, value in tree.items():
            path = prefix + name
            found |= leaves(value, f"{path}.") if isinstance(value, dict) and value else {path}
        return found

    attack = {f"attack.{name}" for name in ("name", "epsilon", "norm", *inner_settings())}
    others = {path for path in leaves(make_recipe({}).json()) if not path.startswith("attack.")}
    assert set(paths()) == others | attack
    assert leaves(st.AttackRecipe().json(), "attack.") <= attack
    assert len(paths()) == len(set(paths()))
    opened = make_recipe({"network.name": "wide_resnet", "network.arguments.depth": "16"})
    assert opened.network.arguments == {"depth": 16, "widen": 10}
    by_hand = make_recipe({"pattern.layers.conv1.weight": "0.50"})
    assert by_hand.pattern.layers == {"conv1.weight": "0.5"}


def test_settings_are_given_as_text_or_values() -> None:
    recipe = make_recipe({"network.width": "16", "attack.epsilon": 0.1, "learning.epochs": 3})

    assert recipe.network.width == 16
    assert recipe.attack.epsilon == "0.1"
    assert recipe.learning.epochs == 3
    assert recipe.judge == st.AttackRecipe("pgd", "0.1", 20)


def test_equal_recipes_have_equal_ids_however_they_are_written() -> None:
    first = make_recipe({"ratio": "0.10", "attack.epsilon": "1/10"})
    second = make_recipe({"ratio": 0.1, "attack.epsilon": 0.1})

    assert first == second
    assert first.id == second.id != make_recipe({"ratio": 0.2}).id


def test_a_stored_recipe_reads_back() -> None:
    recipe = make_recipe({"evaluation.steps": 50, "attack.name": "fgsm-rs", "seed": 7})
    flat = {
        f"{section}.{name}": value
        for section, values in recipe.json().items()
        if isinstance(values, dict)
        for name, value in values.items()
    } | {name: value for name, value in recipe.json().items() if not isinstance(value, dict)}

    assert make_recipe(flat) == recipe


def test_a_ticket_tells_the_same_recipe_briefly() -> None:
    for settings in ({}, {"learning.epochs": 3, "beside.sha256": ["b"], "attack.name": "fgsm"}):
        recipe = make_recipe(settings)
        assert stored_recipe(json.loads(json.dumps(recipe.brief()))) == recipe
        assert len(json.dumps(recipe.brief())) < 0.6 * len(json.dumps(recipe.json()))


def test_a_dense_network_keeps_all_weights() -> None:
    assert make_recipe({"task": "train"}).ratio == "1"
    with pytest.raises(InputError, match="ratio must be 1, got 0.5"):
        make_recipe({"task": "train", "ratio": 0.5})


def test_defaults_follow_from_other_settings() -> None:
    assert make_recipe({}).ratio == "0.1"
    assert make_recipe({"pattern.granularity": "2:4"}).ratio == "0.5"
    assert make_recipe({"network.fan_scale": "ratio", "ratio": 0.2}).network.fan_scale == "0.2"
    assert make_recipe({"attack.norm": "l2", "attack.epsilon": "0.5"}).judge == st.AttackRecipe(
        "pgd", "0.5", 20, norm="l2"
    )
    with pytest.raises(InputError, match=r"evaluation.norm=l2 needs an evaluation.epsilon"):
        make_recipe({"evaluation.norm": "l2"})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("network.widht", 16, "unknown setting 'network.widht'; did you mean 'network.width'"),
        ("width", 16, "did you mean 'network.width'"),
        ("network", 16, "unknown setting 'network'"),
        ("network.width", "wide", "network.width: input should be a valid integer"),
        ("task", "trian", "task: input should be 'draw' or 'train'"),
        ("network.init", "xavier", "unknown init 'xavier'"),
        ("attack.epsilon", "8/0", "denominator 0"),
        ("attack.epsilon", "-1/255", r"epsilon must lie in \[0, 1\]"),
        ("evaluation.epsilon", "8", "usual 8 is written 8/255"),
        ("learning.epochs", "0", "learning.epochs must be at least 1"),
        ("learning.schedule", "linear", "learning.schedule: input should be 'cosine'"),
        ("ratio", "1.5", r"remaining ratio must lie in \(0, 1\]"),
        ("seed", "-1", "seed must be an integer"),
    ],
)
def test_wrong_settings_are_refused_by_name(path: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_recipe({path: value})


def test_presets_are_the_papers_settings() -> None:
    cifar, svhn, imagenet = (make_recipe(PRESETS[name]) for name in ("cifar", "svhn", "imagenet"))

    for recipe in (cifar, svhn):
        assert (recipe.learning.epochs, recipe.learning.batch_size) == (160, 256)
        rates = [recipe.learning.learning_rate_at(e, 1) for e in (79, 80, 119, 120)]
        first = {"cifar": 0.1, "svhn": 0.01}["cifar" if recipe is cifar else "svhn"]
        assert rates == pytest.approx([first, first / 10, first / 10, first / 100])
        assert str(recipe.attack) == "pgd-7, linf, 8/255"
        assert recipe.attack.method.step_size == "2/255"
        assert str(recipe.judge) == "pgd-20, linf, 8/255"
        assert recipe.judge.method.step_size == "2/255"
        assert recipe.learning.momentum == 0.9
        assert recipe.learning.weight_decay == 5e-4
    assert (cifar.learning.augmentation, svhn.learning.augmentation) == ("crop-flip", "none")
    assert (imagenet.network.name, imagenet.ratio) == ("imagenet_resnet50", "0.4")
    assert str(imagenet.attack) == "fgsm-rs, linf, 4/255"
    assert (imagenet.data.size, imagenet.data.colour, imagenet.data.lazy) == (224, "rgb", True)
    learning = imagenet.learning
    assert (learning.epochs, learning.learning_rate, learning.schedule) == (100, 0.256, "cosine")
    stronger = make_recipe(PRESETS["cifar"] | {"attack.epsilon": "16/255"})
    assert Fraction(stronger.attack.method.step_size) * 7 > Fraction(16, 255)


def test_fast_presets_make_a_fifth_of_the_operations() -> None:
    for fast, slow in (
        ("fast", {}),
        ("cifar-fast", PRESETS["cifar"]),
        ("svhn-fast", PRESETS["svhn"]),
    ):
        recipes = [make_recipe(settings) for settings in (PRESETS[fast], slow)]
        ours, theirs = (forward_passes(recipe) for recipe in recipes)
        assert 0.15 < ours / theirs <= 0.2
        changed = {k for k, v in PRESETS[fast].items() if slow.get(k) != v}
        learned = {f"learning.{name}" for name in ("epochs", "batch_size", "validate_every")}
        assert changed == {"attack.name"} | learned
        assert recipes[0].learning.batch_size * 2 == recipes[1].learning.batch_size


def test_the_strong_preset_takes_no_more_operations_than_the_defaults() -> None:
    strong, usual = (make_recipe(settings) for settings in (PRESETS["strong"], {}))
    pattern = strong.pattern

    assert 0.75 < forward_passes(strong) / forward_passes(usual) <= 1
    assert (pattern.budget, pattern.power, pattern.cap) == ("size", "0.5", "0.5")
    assert strong.attack.name == "n-fgsm"


def test_the_strong_preset_of_cifar_is_the_search_of_the_study() -> None:
    preset = make_recipe(PRESETS["cifar-strong"])
    jobs = searches.searches(SCALES["small"])[searches.STRONG_AS_LONG]
    drawn = make_recipe(PRESETS["cifar-strong"] | dict(jobs))

    for part in ("pattern", "search", "attack"):
        assert getattr(preset, part) == getattr(drawn, part)
    assert {
        name
        for name, value in vars(drawn.learning).items()
        if value != getattr(preset.learning, name)
    } == {"epochs", "validate_every"}
    assert preset.learning.schedule == "cosine"
    assert forward_passes(preset) < forward_passes(make_recipe(PRESETS["cifar"])) / 15


def test_released_presets_differ_where_the_code_does() -> None:
    for name in ("cifar", "svhn", "imagenet"):
        released = make_recipe(PRESETS[f"{name}-released"])
        assert released.data.validation == "0"
        assert released.learning.last_batch
        assert released.learning.statistics == "running"
        assert released.pattern.mask_classifier
        assert released.judge.method.step_size == "2/255"
    assert released.network.init == "kaiming_normal"
    assert (released.attack.gradients, released.learning.label_smoothing) == (2, 0.1)


def test_the_cost_of_a_run_is_that_of_its_parts() -> None:
    own = {"data.validation": "0.5", "evaluation.steps": 1, "learning.validate_every": 10}
    own |= {"learning.epochs": 10, "attack.steps": 7}
    judged = 1 * (2 * 1 + 1) + 1  # once, on as many images as are learned from

    def cost(**more: object) -> float:
        return forward_passes(make_recipe(own | more))

    assert cost() == 10 * (2 * 7 + 3) + judged
    assert cost(**{"attack.name": "n-fgsm"}) == 10 * (2 + 3) + judged
    changing = {"attack.name": "none", "learning.attacks": "1/10:n-fgsm,1/2:pgd-3"}
    assert cost(**changing) == 1 * 3 + 4 * 5 + 5 * 9 + judged
    sharp = {"search.sharpness": 0.01, "search.sharpness_from": "0.8"}
    assert cost(**sharp) == 10 * 17 + 2 * 3 + judged
    beside = replace(make_recipe(own), beside=BesideRecipe(sha256=("0" * 64, "1" * 64)))
    assert forward_passes(beside) == 10 * (3 * 2 * 7 + 3) + judged  # the attack is made on three
    share = judging_share(make_recipe(own), train=100, test=50)
    assert share == pytest.approx(2 * 3 * 50 / (cost() * 100))  # the best epoch and the last
