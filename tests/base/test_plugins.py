"""What another package brings is found by its name: the plug-ins of docs/plugins.md."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import scratchticket as st
from scratchticket.attacks import make_method, perturb
from scratchticket.base import plugins
from scratchticket.base.errors import InputError
from scratchticket.cli.app import app
from scratchticket.masks import Pattern
from scratchticket.runs.recipe import make_recipe
from test_commands import PROGRAM, commands

FILE = Path(__file__).parents[2] / "docs" / "plugins.md"
PAGE = FILE.read_text()


def install(folder: Path, points: dict[str, dict[str, str]], code: str) -> None:
    """Do what pip does with a package of one module."""
    meta = folder / "myplugins-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: myplugins\nVersion: 1.0\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
        for group, named in points.items()
    ]
    (meta / "entry_points.txt").write_text("\n".join(lines))
    (folder / "myplugins.py").write_text(code)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package of the page, installed."""
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    install(tmp_path, tomllib.loads(toml)["project"]["entry-points"], code)
    monkeypatch.syspath_prepend(tmp_path)
    plugins._points.cache_clear()
    yield
    plugins._points.cache_clear()
    sys.modules.pop("myplugins", None)
    st.networks.NETWORKS.pop("mlp", None)


@pytest.mark.usefixtures("page")
def test_the_page_is_true() -> None:
    assert "myplugins" not in sys.modules

    data = st.load_data("stripes")
    attack = st.AttackRecipe("signs", epsilon="0.2", steps=2, share=0.5)
    recipe = make_recipe({"search.name": "warm", "search.arguments.warm": "1/2"})
    assert recipe.search.average == 0.5
    ticket = st.draw_ticket(
        data,
        "mlp",
        ratio=0.5,
        pattern=Pattern("columns"),
        search=recipe.search,
        attack=attack,
        learning=st.LearningRecipe(epochs=8, batch_size=16),
    )

    assert data.classes == ("upright", "lying")
    assert ticket.network.arguments == {"hidden": 64}
    first = ticket.mask["1.weight"]  # of the hidden layer: every input is kept or not as a whole
    assert (first == first[:1]).all()
    again = st.Ticket.from_bytes(ticket.to_bytes())
    assert st.natural_accuracy(again.build(), data.test).correct >= 0.9 * len(data.test)
    assert str(make_method("corners", {"draws": "50"})) == "corners-50"
    assert str(attack) == "signs-2 (share 0.5), linf, 0.2"
    assert again.provenance["recipe"]["attack"]["share"] == 0.5
    judged = st.robust_accuracy(again.build(), data.test, attack)
    assert judged.correct <= st.natural_accuracy(again.build(), data.test).correct
    message = "attack corners is for evaluation only; a search can use none"
    with pytest.raises(InputError, match=message):
        st.AttackRecipe("corners", epsilon="0.2")
    with pytest.raises(InputError, match="unknown setting of attack signs 'shar'.*'share'"):
        st.AttackRecipe("signs", shar=0.5)


@pytest.mark.usefixtures("page")
def test_the_commands_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = commands(FILE, PROGRAM)
    assert len(shown) == 2
    for words in shown:
        result = CliRunner().invoke(app, words + (["--epochs", "1"] if words[0] == "draw" else []))
        assert result.exit_code == 0, result.output
    assert "corners-50, linf, 0.2" in result.output


@pytest.mark.usefixtures("page")
def test_names_of_plugins_are_among_the_known() -> None:
    for make, near in (
        (lambda: st.NetworkRecipe("mpl"), "mlp"),
        (lambda: Pattern("colums"), "columns"),
        (lambda: st.AttackRecipe("sings"), "signs"),
        (lambda: st.load_data("stripe"), "stripes"),
        (lambda: make_method("korners", {}), "corners"),
    ):
        with pytest.raises(InputError, match=f"did you mean '{near}'"):
            make()


def test_what_a_plugin_does_wrong_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {
        "scratchticket.networks": {"gone": "myplugins:gone"},
        "scratchticket.patterns": {"odd": "myplugins:odd"},
        "scratchticket.data": {"no-data": "myplugins:odd"},
    }
    install(tmp_path, points, "def odd(*_, **__): return (3,)\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins._points.cache_clear()
    try:
        with pytest.raises(InputError, match="cannot import the plug-in myplugins:gone: module"):
            st.NetworkRecipe("gone")
        with pytest.raises(InputError, match="odd gives scores of shape"):
            Pattern("odd").score_shape((4, 2))
        with pytest.raises(InputError, match="returned tuple, not Data"):
            st.load_data("no-data")
    finally:
        plugins._points.cache_clear()
        sys.modules.pop("myplugins", None)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("images + 0.3", "attack bad, linf, 0.2 left the ball: distance 0.3"),
        ("images - 0.1", "attack bad, linf, 0.2 returned pixels outside"),
        ("images * float('nan')", "attack bad, linf, 0.2 returned pixels that are not finite"),
        ("images[:1]", "attack bad, linf, 0.2 returned images of another shape"),
        ("images.double()", "attack bad, linf, 0.2 returned images of another shape or type"),
        ("None", "attack bad, linf, 0.2 returned NoneType, not images"),
    ],
)
def test_an_inner_attack_that_leaves_the_ball_is_no_lesson(
    returned: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "from dataclasses import dataclass\n"
        "from scratchticket.attacks import Result, Settings\n"
        "@dataclass(frozen=True)\n"
        "class Bad(Settings):\n"
        "    name = 'bad'\n"
        "    def __str__(self): return 'bad'\n"
        "    def __call__(self, target):\n"
        "        images = target.images\n"
        f"        return Result({returned})\n"
    )
    install(tmp_path, {"scratchticket.attacks": {"bad": "myplugins:Bad"}}, code)
    monkeypatch.syspath_prepend(tmp_path)
    plugins._points.cache_clear()
    images, labels = torch.full((3, 1, 4, 4), 0.05), torch.zeros(3, dtype=torch.int64)
    try:
        attack = st.AttackRecipe("bad", epsilon="0.2")
        with pytest.raises(st.ScratchticketError, match=message):
            perturb(attack, lambda _: labels, images, labels, generator=torch.Generator())
    finally:
        plugins._points.cache_clear()
        sys.modules.pop("myplugins", None)
