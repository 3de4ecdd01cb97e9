"""What all tests share: one thread per process, and a search small enough for a second."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # processes run side by side, also those of tests

import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

import scratchticket as st
from disks import Disk
from scratchticket.tickets import Ticket
from slow import SLOW

if TYPE_CHECKING:
    from playwright.sync_api import Browser

torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background has none

SMALL = st.NetworkRecipe("resnet18", width=4)
ATTACK = st.AttackRecipe(epsilon=0.1, steps=2)
LEARNING = st.LearningRecipe(epochs=2, batch_size=64)


@pytest.hookimpl(tryfirst=True)  # before those that are not asked for are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
        # what takes seconds to set up is set up once, not in every process
        if not {"built", "browser"}.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Tests draw the same numbers at every run, with one thread whatever the test before set."""
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where decoded pixels go during a test."""
    folder = tmp_path / "decoded"
    monkeypatch.setenv("SCRATCHTICKET_CACHE", str(folder))
    return folder


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 20 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not Disk.mount("-t", "tmpfs", "-o", "size=20m", "tmpfs", str(folder)):
        pytest.skip("a full or a read-only disk: needs root to mount one")
    yield Disk(folder)
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("pages in a browser: apt install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])


@pytest.fixture(scope="session")
def digits() -> st.Data:
    return st.load_data("digits")


@pytest.fixture(scope="session")
def few_digits(digits: st.Data) -> st.Data:
    """Digits with 256 training, 60 validation and 90 test images."""
    return replace(
        digits,
        train=digits.train[slice(0, 256)],
        validation=digits.validation[slice(0, 60)],
        test=digits.test[slice(0, 90)],
    )


@pytest.fixture(scope="session")
def ticket(few_digits: st.Data) -> Ticket:
    """A ticket drawn in about a second."""
    return st.draw_ticket(few_digits, SMALL, ratio=0.3, attack=ATTACK, learning=LEARNING, seed=5)


@pytest.fixture(scope="session")
def dense(few_digits: st.Data) -> Ticket:
    """A dense network trained in about a second."""
    return st.train_network(few_digits, SMALL, attack=ATTACK, learning=LEARNING, seed=5)
