"""Every command that README and documentation show is run, made small enough for a test."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

import scratchticket as st
from patience import PATIENCE
from scratchticket.cli.app import app

ROOT = Path(__file__).parents[1]
PROGRAM = "scratchticket "
TOGETHER = "torchrun "
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TINY = st.NetworkRecipe("conv4", width=4)  # 9 times faster than the smallest ResNet
MODELS = """
from scratchticket import NetworkRecipe
from scratchticket.networks import random_network

def resnet():
    recipe = NetworkRecipe("conv4", width=4)
    return random_network(recipe, classes=10, image_shape=(1, 8, 8), seed=0, mean=[0.5], std=[0.3])
"""
MINE = ("mine", "mine.models")
OTHER = {  # words that stand for what a reader has, or has time for
    "cifar10": "digits",
    "cifar10=PATH": "cifar10=photos",
    "cifar10=cifar10": "cifar10=photos",
    "imagenet=PATH": "imagenet=photos",
    "PATH": "photos",
    "/data/imagenet": "photos",
    "16": "2",  # width
    "data.train_images=20000": "data.train_images=200",
    "224": "32",
    "pictures": "digits",
    "gallery:digits-seed2/ratio-0.05": "5.safetensors",  # smaller tickets
    "gallery:digits-seed2/ticket": "10.safetensors",
    "me/robust-digits": "./a-hub",
    "cuda": "cpu",
    "8": "2",  # processes, workers
}
LEARN = ["--epochs", "1", "--steps", "1", "--quiet"]
NARROW = ["--set", "network.width=2"]
SMALL_IMAGES = ["--set", "data.size=32"]
SWEEP = [*NARROW, "--set", "learning.epochs=1", "--set", "data.train_images=128"]


def commands(page: Path, program: str, *, least: int = 2) -> list[list[str]]:
    """Return the words of a page's commands of a program, its name left out.

    In a sentence, one with fewer words than ``least`` is a name and no command.
    """
    text = page.read_text().replace("\\\n", " ")
    shown = re.findall(rf"^ {{4,}}{program}(.*)$", text, flags=re.MULTILINE)
    named = map(shlex.split, re.findall(rf"`{program}([^`]+)`", text))
    return [shlex.split(words) for words in shown] + [w for w in named if len(w) >= least]


def with_commands(program: str, *, but: Collection[str] = ()) -> pytest.MarkDecorator:
    """Run a test for each page that has commands of a program, some left out."""
    pages = [page for page in PAGES if page.name not in but and commands(page, program)]
    assert pages
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.name)


@pytest.fixture(scope="module")
def world(few_digits: st.Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the reader of a page is taken to have."""
    folder: Path = tmp_path_factory.mktemp("world")
    how = {"attack": st.AttackRecipe("fgsm-rs", epsilon=0.1), "seed": 0}
    once = st.LearningRecipe(epochs=1, batch_size=64)
    ticket = st.draw_ticket(few_digits, TINY, ratio=0.3, learning=once, **how)
    for name in ("runs/first/ticket", "ticket", "5", "10", "20"):
        path = folder / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        ticket.save(path)
    dense = st.train_network(few_digits, TINY, learning=once, **how)
    (folder / "runs" / "dense").mkdir()
    for name in ("dense", "runs/dense/network"):
        dense.save(folder / f"{name}.safetensors")
    (folder / "mine").mkdir()
    (folder / "mine" / "models.py").write_text(MODELS)
    torch.save(dense.build().state_dict(), folder / "weights.pt")
    (folder / "order.txt").write_text("\n".join(few_digits.classes))
    pixels = np.random.default_rng(0).integers(0, 256, (120, 40, 40, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        path = folder / "photos" / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    (folder / "records").symlink_to(ROOT / "records")
    return folder


@pytest.fixture
def own(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A reader's own copy of the world, where the commands are typed."""
    monkeypatch.chdir(shutil.copytree(world, tmp_path / "own", symlinks=True))
    monkeypatch.setattr(sys, "path", [*sys.path])  # --network puts the folder there
    for name in MINE:  # of another reader
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in MINE:
        sys.modules.pop(name, None)


def smaller(words: list[str]) -> list[str]:
    """Return a command's words with less to do."""
    named = {"cifar10"} if words[0] in ("run", "report") else set()  # which is a recipe too
    few = [word if word in named else OTHER.get(word, word) for word in words]
    match words[0]:
        case "draw" | "train":
            few += LEARN + ([] if {"--width", "--beside"} & {*few} else NARROW)
            return few + (SMALL_IMAGES if "imagenet" in words else [])
        case "evaluate" | "switch" | "transfer" if "--data" in words:
            if slow := bool({"full", "paper"} & {*words}):
                few = [word for word in few if word != "20.safetensors"]
            count = "2" if slow else "5"
            return [*few, "--images", count, "--batch-size", count]
        case "run" if "--workers" in words and "--all" not in words:
            return ["run", "figure4", *few[few.index("--workers") :], *SWEEP]  # a small one
        case "run":
            return [*few, "--dry-run"]
        case "runs" if "show" in words:
            some = next(Path("runs/paper").glob("*/record.json"))
            return [*few[:-1], some.parent.name[:4]]
    return few


def served(words: list[str]) -> None:
    """Run a command that serves a page: the page opens, and Ctrl-C ends it."""
    command = [sys.executable, "-m", "scratchticket", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        url = re.search(r"http://[\w.:]+", said)
        assert url is not None, said
        with urllib.request.urlopen(url[0], timeout=PATIENCE) as answer:
            assert answer.status == 200
        server.send_signal(signal.SIGINT)
    assert server.returncode == 0


@with_commands(PROGRAM)
def test_they_are_commands(page: Path) -> None:
    for words in commands(page, PROGRAM):
        command, left = typer.main.get_command(app), list(words)
        context = command.make_context("scratchticket", left)
        while isinstance(command, typer.core.TyperGroup):
            name, command, left = command.resolve_command(context, left)
            assert command is not None, words
            context = command.make_context(name, left, parent=context)


def test_the_readme_begins_with_four() -> None:
    assert len(commands(PAGES[0], PROGRAM)) == 4


@pytest.mark.usefixtures("own")
@with_commands(PROGRAM, but=("plugins.md", "extending.md"))  # run where their code is known
def test_they_run(page: Path) -> None:
    if page.name in ("README.md", "index.md"):
        shutil.rmtree("runs")  # their reader begins
    for words in commands(page, PROGRAM):
        if words[0] == "app":
            pytest.importorskip("gradio")
            served(words)
            continue
        result = CliRunner().invoke(app, smaller(words))
        assert result.exit_code == 0, (smaller(words), result.output)


@pytest.mark.usefixtures("own")
@with_commands(TOGETHER)
def test_they_run_in_two_processes(page: Path) -> None:
    for words in commands(page, TOGETHER):
        command = [sys.executable, "-m", "torch.distributed.run", *(OTHER.get(w, w) for w in words)]
        command += LEARN + NARROW + (SMALL_IMAGES if "imagenet" in words else [])
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        assert done.returncode == 0, done.stderr
