"""The documentation builds without a warning, its Python runs, and so do its commands."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer
from typer.testing import CliRunner

import scratchticket as st
from scratchticket.cli.app import app

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "```python" in path.read_text())


def test_it_builds_without_warnings(tmp_path: Path) -> None:
    pytest.importorskip("furo")
    words = [sys.executable, "-W", "ignore", "-m", "sphinx", "-W", "--keep-going", "-q"]

    done = subprocess.run(
        [*words, str(DOCS), str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    for page in ("index", "ticket", "ticket-format", "vocabulary", "decisions/README"):
        assert (tmp_path / f"{page}.html").exists()


@pytest.mark.filterwarnings("ignore:Please import")  # foolbox, of scipy
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_its_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    module = ModuleType(page.stem)
    monkeypatch.setitem(sys.modules, page.stem, module)
    for block in blocks:
        exec(compile(block, page.name, "exec"), module.__dict__)


LONG = {  # commands that are only parsed here, by what stands in them: elsewhere run by other tests
    "--suite full": "takes AutoAttack an hour",
    "weights.pt": "a network of the reader's",
    "--beside": "test_switch_verbs",
    "run --all": "a cluster: test_clusters",
    "run table3": "test_sweep_verbs",
    "run figure1": "test_sweep_verbs",
    "--records": "test_sweep_verbs",
    "report": "test_sweep_verbs",
    "runs": "test_sweep_verbs",
    "--data photos": "test_photographs",
    "--data stripes": "test_plugins",
    "app": "test_page_in_browser",
}
QUICKLY = ("--epochs", "1", "--steps", "1", "--quiet")
SMALLER = {"cifar10": "digits", "network.width=16": "network.width=2"}


def commands(page: Path) -> list[list[str]]:
    """Return the words of a page's commands of this program, its name left out."""
    lines = page.read_text().replace("\\\n", " ").splitlines()
    mine = (line for line in lines if line.startswith("    scratchticket "))
    return [shlex.split(line)[1:] for line in mine]


WITH_COMMANDS = sorted(page for page in DOCS.rglob("*.md") if commands(page))


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda path: path.name)
def test_its_commands_are_commands(page: Path) -> None:
    for words in commands(page):
        command, left = typer.main.get_command(app), list(words)
        context = command.make_context("scratchticket", left)
        while isinstance(command, typer.core.TyperGroup):
            name, command, left = command.resolve_command(context, left)
            assert command is not None, words
            context = command.make_context(name, left, parent=context)


@pytest.fixture(scope="module")
def world(ticket: st.Ticket, dense: st.Ticket, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the reader of a page is taken to have."""
    folder: Path = tmp_path_factory.mktemp("world")
    for name in ("runs/first/ticket", "ticket", "5", "10", "20"):
        path = folder / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        ticket.save(path)
    (folder / "runs" / "dense").mkdir()
    dense.save(folder / "runs" / "dense" / "network.safetensors")
    return folder


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda path: path.name)
def test_its_commands_run(
    page: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shutil.copytree(world, tmp_path / "own"))
    for words in commands(page):
        if any(f" {part} " in f" {' '.join(words)} " for part in LONG):
            continue
        smaller = [SMALLER.get(word, word) for word in words]
        if words[0] in ("draw", "train"):
            smaller += QUICKLY
            if "network.width=2" not in smaller:
                smaller += ["--set", "network.width=2"]
        elif words[0] in ("evaluate", "switch", "transfer") and "--data" in words:
            smaller += ["--images", "10", "--batch-size", "10"]
        result = CliRunner().invoke(app, smaller)
        assert result.exit_code == 0, (smaller, result.output)
