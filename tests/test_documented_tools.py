"""The benchmarks and tools that the documentation names are run, made small."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import scratchticket as st
from test_benchmarks import write_photographs
from test_commands import PAGES, commands

program = importlib.import_module("benchmarks.__main__")
TINY = st.NetworkRecipe("resnet18", width=2)


def all_commands(start: str) -> list[list[str]]:
    """Return every command of the documentation that begins so, once."""
    found = {tuple(words): None for page in PAGES for words in commands(page, start, least=1)}
    return [list(words) for words in found]


SMALLER: dict[str, Callable[[ModuleType], dict[str, Any]]] = {  # what a benchmark has instead
    "attacks": lambda _: {
        "PASSES": {"pgd": 1, "autoattack": 1},
        "autoattack_runs": lambda *_: {"scratchticket": lambda: 0.5},
        "peak": lambda *_: 1,
    },
    "draw": lambda of: {
        "CASES": {"tiny": of.Case(TINY, (1, 8, 8), batch=8, steps=1)},
        "TURNS": 1,
        "peak": lambda *_: 1,
        "product_rate": lambda *_: 1e9,
    },
    "parts": lambda of: {"measured": partial(of.measured, 10_000, images=512, turns=1)},
    "growth": lambda of: {
        "GROWTHS": {"images": replace(of.GROWTHS["images"], sizes=(20, 40))},
        "TURNS": 1,
    },
    "export": lambda _: {"TURNS": 1, "BATCHES": (1,)},
    "switching": lambda _: {"NETWORKS": ("resnet18",), "COUNTS": (2,)},
    "ticket_size": lambda of: {
        "CASES": {"resnet18": of.Case(TINY, image_size=8)},
        "RATIOS": ("0.1",),
        "DRAWN_RATIOS": ("0.1",),
        "DIGITS": TINY,
        "drawn_ticket": partial(of.drawn_ticket, epochs=1),
    },
    "photographs": lambda of: {
        "CASES": (of.Case("input", "Parquet", large=False, count=48, side=32),)
    },
}
ALONE = ["--threads", "1"]  # other tests run beside
MORE = {
    "attacks": ["--images", "20", "--autoattack-images", "2", "--queries", "5", *ALONE],
    "busy": ["--ways", "torch", "--images", "5", "--steps", "1", "--turns", "1", *ALONE],
    "draw": ALONE,
    "export": ["--width", "2"],
    "growth": ALONE,
    "parts": ALONE,
}


@pytest.mark.filterwarnings("ignore:Please import")  # foolbox, of scipy
@pytest.mark.parametrize("words", all_commands("python -m benchmarks "), ids=" ".join)
def test_benchmarks_run(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *_ = words
    measuring = importlib.import_module(f"benchmarks.{name}")
    for attribute, value in SMALLER.get(name, lambda _: {})(measuring).items():
        monkeypatch.setattr(measuring, attribute, value)
    monkeypatch.setattr(measuring, "RECORDS", tmp_path / "records.jsonl")
    monkeypatch.chdir(tmp_path)
    if name == "photographs":
        write_photographs(tmp_path / "val.parquet")
    if name == "ticket_size":  # bound when it was defined
        words = [*words, "--records", "records.jsonl"]

    program.main([*words, *MORE.get(name, [])])

    assert json.loads((tmp_path / "records.jsonl").read_text().splitlines()[0])["machine"]
