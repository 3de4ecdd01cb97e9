"""Every attack of the registry searches where it says; a new one is a file and a line."""

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
from scratchticket.attacks import METHODS, Attack, inner_attacks, perturb
from scratchticket.attacks.registry import key_of, make_method
from scratchticket.base.errors import InputError
from scratchticket.cli.app import app

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
FEW = {"steps": 3, "queries": 20, "draws": 3, "search_steps": 2}


def small(name: str) -> Attack:
    """Return an attack of few steps."""
    known = make_method(name, {})
    method = make_method(name, {key: value for key, value in FEW.items() if hasattr(known, key)})
    return Attack(method, None if method.nearest else "0.1", method.norms[0])


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.judges])
def test_every_judge_stays_in_its_ball_and_knows_its_name(name: str) -> None:
    attack, network, images = small(name), small_network(), random_images(6)
    labels = network(images).argmax(dim=1)

    found = attack(network, images, labels, stream()).images

    assert found.shape == images.shape
    assert 0 <= found.min() <= found.max() <= 1
    assert (attack.ball.distance(found, images) <= attack.ball.epsilon + 1e-6).all()
    assert key_of(attack.method) in {name, "pgd", "apgd-ce"}  # with other settings of these


@pytest.mark.parametrize("name", inner_attacks())
def test_every_inner_attack_raises_its_loss_or_is_random(name: str) -> None:
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
def test_every_inner_attack_with_a_loss_has_every_loss(name: str, loss: str) -> None:
    network, images, labels = small_network(), random_images(16), torch.arange(16) % 10
    usual, other = (st.AttackRecipe(name, "0.1", steps=3, loss=one) for one in ("ce", loss))

    moved = [perturb(a, network, images, labels, generator=stream()) for a in (usual, other)]

    assert not torch.equal(*moved)
    assert make_recipe_attack(other) == other


def make_recipe_attack(attack: Attack) -> Attack:
    """Return the attack as a recipe reads it again."""
    from scratchticket.runs.recipe import make_recipe

    return make_recipe({f"attack.{name}": value for name, value in attack.json().items()}).attack


def test_momentum_is_there_for_searches_too() -> None:
    network, images, labels = small_network(), random_images(16), torch.arange(16) % 10
    usual, other = (st.AttackRecipe(epsilon="0.1", steps=3, momentum=m) for m in (None, 1.0))

    moved = [perturb(a, network, images, labels, generator=stream()) for a in (usual, other)]

    assert not torch.equal(*moved)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The attack of the page "Extending": its file, and its line."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    module = ModuleType("scratchticket.attacks.ends")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, "ends.py", "exec"), module.__dict__)  # noqa: S102 (the page's own code)
    monkeypatch.setitem(METHODS, "ends", module.Ends())
    yield


@pytest.mark.usefixtures("ends")
def test_the_attack_of_the_page_is_drawn_with_and_judges(tmp_path: Path) -> None:
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
    test_every_judge_stays_in_its_ball_and_knows_its_name("ends")


def test_a_setting_of_another_attack_is_passed_over_but_not_an_unknown_one() -> None:
    assert st.AttackRecipe("fgsm", "0.1", steps=3, step_size="0.01") == st.AttackRecipe("fgsm", 0.1)
    with pytest.raises(InputError, match="unknown setting of attack fgsm 'stepz'"):
        st.AttackRecipe("fgsm", "0.1", stepz=3)
