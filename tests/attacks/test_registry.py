"""Every registered attack stays in its ball; a new attack needs a file and a line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from typer.testing import CliRunner

import scratchticket as st
from networks import random_images, small_network, stream
from scratchticket.attacks import (
    FGSM,
    METHODS,
    PGD,
    Attack,
    CarliniWagner,
    LinfBall,
    Result,
    Target,
    inner_attack,
    inner_attacks,
    perturb,
)
from scratchticket.attacks.registry import key_of, make_method
from scratchticket.base.errors import InputError, ScratchticketError
from scratchticket.cli.app import app

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
FEW = {"steps": 3, "queries": 20, "draws": 3, "search_steps": 2}


def small(name: str) -> Attack:
    """Return the named attack with few steps."""
    known = make_method(name, {})
    method = make_method(name, {key: value for key, value in FEW.items() if hasattr(known, key)})
    return Attack(method, None if method.nearest else "0.1", method.norms[0])


@pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if method.for_evaluation]
)
def test_every_evaluation_attack_stays_in_its_ball_and_has_a_name(name: str) -> None:
    attack, network, images = small(name), small_network(), random_images(6)
    labels = network(images).argmax(dim=1)

    found = attack(network, images, labels, stream()).images

    assert found.shape == images.shape
    assert 0 <= found.min() <= found.max() <= 1
    assert (attack.ball.distance(found, images) <= attack.ball.epsilon + 1e-6).all()
    assert key_of(attack.method) in {
        name,
        "pgd",
        "apgd-ce",
    }  # the entry itself, or the first of the same class


@pytest.mark.parametrize("name", inner_attacks())
def test_every_inner_attack_with_a_gradient_raises_the_cross_entropy(name: str) -> None:
    network, images, labels = small_network(), random_images(64), torch.arange(64) % 10
    attack = st.AttackRecipe(name, "0.1", steps=3)

    learned = perturb(attack, network, images, labels, generator=stream())

    before, after = (
        torch.nn.functional.cross_entropy(network(x), labels) for x in (images, learned)
    )
    assert not learned.requires_grad
    if name not in {"none", "noise"}:
        assert after > before
    assert torch.equal(learned, images) == (name == "none")


@pytest.mark.parametrize("loss", ["margin", "dlr", "scaled-ce"])
@pytest.mark.parametrize("name", [n for n, m in inner_attacks().items() if hasattr(m, "loss")])
def test_every_inner_attack_with_a_loss_setting_accepts_every_loss(name: str, loss: str) -> None:
    network, images, labels = small_network(), random_images(16), torch.arange(16) % 10
    usual, other = (st.AttackRecipe(name, "0.1", steps=3, loss=one) for one in ("ce", loss))

    moved = [perturb(a, network, images, labels, generator=stream()) for a in (usual, other)]

    assert not torch.equal(*moved)
    assert through_recipe(other) == other


def through_recipe(attack: Attack) -> Attack:
    """Return the attack after a round trip through the settings of a recipe."""
    from scratchticket.runs.recipe import make_recipe

    return make_recipe({f"attack.{name}": value for name, value in attack.json().items()}).attack


@pytest.mark.parametrize("wrong", [{"random_start": "false"}, {"steps": "7"}, {"momentum": "1"}])
def test_text_is_refused_for_booleans_and_numbers(wrong: dict[str, str]) -> None:
    (setting,) = wrong

    with pytest.raises(InputError, match=f"attack.{setting} must not be text, got '"):
        st.AttackRecipe("pgd", "0.1", **wrong)  # type: ignore[arg-type]


def test_momentum_changes_an_inner_attack() -> None:
    network, images, labels = small_network(), random_images(16), torch.arange(16) % 10
    usual, other = (st.AttackRecipe(epsilon="0.1", steps=3, momentum=m) for m in (None, 1.0))

    moved = [perturb(a, network, images, labels, generator=stream()) for a in (usual, other)]

    assert not torch.equal(*moved)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register the example attack of the page "Extending"."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    module = ModuleType("scratchticket.attacks.ends")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, "ends.py", "exec"), module.__dict__)  # noqa: S102 (the page's own code)
    monkeypatch.setitem(METHODS, "ends", module.Ends())
    yield


@pytest.mark.usefixtures("ends")
def test_the_example_attack_of_the_page_works_in_a_search_and_an_evaluation(tmp_path: Path) -> None:
    runner, out = CliRunner(), tmp_path / "ends"
    shown = [line.split() for line in re.findall(r"^    scratchticket (.*)$", PAGE, re.MULTILINE)]
    small = ["--set", "network.width=2", "--epochs", "1", "--quiet"]
    for words in shown:
        told = [word.replace("runs/ends", str(out)) for word in words]
        result = runner.invoke(app, told + (small if words[0] == "draw" else []))
        assert result.exit_code == 0, result.output
    assert "ends (reach 2.0), linf, 0.1" in result.output
    ticket = st.Ticket.load(out / "ticket.safetensors")
    assert ticket.provenance["recipe"]["attack"]["reach"] == 0.5
    test_every_evaluation_attack_stays_in_its_ball_and_has_a_name("ends")


def test_settings_of_other_attacks_are_ignored_but_unknown_ones_refused() -> None:
    assert st.AttackRecipe("fgsm", "0.1", steps=3, step_size="0.01") == st.AttackRecipe("fgsm", 0.1)
    with pytest.raises(InputError, match="unknown setting of attack fgsm 'stepz'"):
        st.AttackRecipe("fgsm", "0.1", stepz=3)


@pytest.mark.parametrize("name", inner_attacks())
def test_an_inner_attack_is_restored_from_its_changed_settings(name: str) -> None:
    usual = st.AttackRecipe(name)
    other = st.AttackRecipe(name, "0.5", steps=9, step_size="0.02", norm=usual.method.norms[-1])

    assert len(usual.changed()) == (name != "pgd")
    assert inner_attack(usual.changed()) == usual
    assert inner_attack(other.changed()) == other
    assert inner_attack(other.json()) == other
    assert usual.changed().keys() <= other.changed().keys() <= other.json().keys()


def test_a_default_step_size_follows_a_new_epsilon() -> None:
    attack = st.AttackRecipe(epsilon="0.1", steps=10)

    assert attack.json()["step_size"] is None
    assert attack.method.step_size == "0.025"
    wider = inner_attack(attack.json() | {"epsilon": "0.2"})
    assert wider.method.step_size == "0.05"


def test_the_images_of_a_plug_in_inner_attack_are_verified() -> None:
    class Wild(FGSM):
        def __call__(self, target: Target) -> Result:
            return Result(target.images + 2 * target.ball.epsilon)

        @property
        def name(self) -> str:
            return "wild"

    images, labels = random_images(2) * 0.5, torch.zeros(2, dtype=torch.long)
    for kind, epsilon in ((Wild, "0"), (FGSM, "0.1")):
        perturb(Attack(kind(), epsilon), small_network(), images, labels, generator=stream())
    with pytest.raises(ScratchticketError, match="wild, linf, 0.1 left the ball: distance 0.2"):
        perturb(Attack(Wild(), "0.1"), small_network(), images, labels, generator=stream())


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("pgd", {"steps": "many"}, "pgd: steps=many: input should be a valid integer"),
        ("pgd", {"steps": -1}, "steps must be above 0, got -1"),
        ("pgd", {"steps": 100_001}, "steps must be from 1 to 100000"),
        ("noise", {"draws": 0}, "draws must be above 0"),
        ("cw-l2", {"learning_rate": 0.0}, "learning_rate must be above 0"),
        ("pgd", {"keep": "most"}, "pgd: keep=most"),
        ("bandits", {"steps": 3}, "unknown setting of bandits 'steps'"),
        ("gpd", {}, "unknown attack 'gpd'; did you mean 'pgd'"),
    ],
)
def test_invalid_settings_of_a_method_are_refused(
    name: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make_method(name, settings)


@pytest.mark.parametrize("name", [{"a": 1}, ["pgd"], None, 3])
def test_an_attack_name_that_is_not_text_is_refused(name: object) -> None:
    with pytest.raises(InputError, match="unknown attack"):
        inner_attack({"name": name})


def test_text_is_converted_to_the_type_of_its_setting() -> None:
    assert make_method("pgd", {"steps": "100000", "random_start": "false"}) == PGD(
        100_000, random_start=False
    )
    assert make_method("cw-l2", {"learning_rate": "0.5"}) == CarliniWagner(learning_rate=0.5)


def test_pgd_without_a_ball_needs_a_step_size() -> None:
    with pytest.raises(InputError, match="give a step_size, or use"):
        PGD(5)(Target(small_network(), *[random_images(1)] * 2, LinfBall(0.1), stream()))
    assert Attack(PGD(5), "0").method.step_size == "1"  # the ball is a point: any step will do
