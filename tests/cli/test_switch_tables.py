"""Tables of switches on a terminal of 80 columns: no word is broken."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from scratchticket.cli import switch_tables

WORDS = ["margin-pgd-100,", "autoattack-100,", "digits-seed2/ratio-0.05"]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed on a terminal of 80 columns."""
    text = io.StringIO()
    console = Console(file=text, width=80, highlight=False)
    monkeypatch.setattr(switch_tables, "out", console)
    monkeypatch.setattr(
        switch_tables, "say", lambda line: console.print(line, soft_wrap=True, markup=False)
    )
    return text


def row(title: str = "", source: str = "") -> dict[str, Any]:
    right = {"correct": 123, "total": 360}
    spread = {"expected": 1.0, "interval": [0.123, 1.0], "all_right": right, "seconds": 1234.5}
    return spread | {"title": title, "source": source}


def test_of_a_switch(printed: io.StringIO) -> None:
    worst = {"norm": "linf", "epsilon": "0.15", "gain": "no gain"}
    attacks = [row(f"{name} linf, 0.15, on {WORDS[2]}", WORDS[2]) for name in WORDS[:2]]
    game = {"probabilities": [0.5, 0.5], "answered": False, "value": 0.5}
    record = {
        "members": ["one", "two"],
        "natural": row(),
        "attacks": attacks,
        "worst_cases": [row() | worst | {"best_member": {"correct": 1, "total": 2, "name": "x"}}],
        "protocol": [],
        "game": game,
    }

    switch_tables.print_switch(record)

    assert max(map(len, printed.getvalue().splitlines()[:8])) <= 80
    found = printed.getvalue().split()
    for word in (*WORDS, "100.0", "34.2", "1234.5"):
        assert word in found
    assert "12.3 to 100.0" in printed.getvalue()


@pytest.mark.parametrize("count", [2, 6])
def test_of_a_transfer_matrix(printed: io.StringIO, count: int) -> None:
    names = [f"digits-seed{number}/ratio-0.05" for number in range(count)]
    rows = {name: dict.fromkeys(names, 360) for name in names}
    matrix = {
        "title": "pgd-20", "stops": True, "total": 360, "rows": rows,
        "mean": 1.0, "diagonal": 1.0, "off_diagonal": None,
    }  # fmt: skip

    switch_tables.print_matrices({"matrices": [matrix], "networks": names})

    assert max(map(len, printed.getvalue().splitlines())) <= 80
    words = printed.getvalue().split()
    assert set(names) <= set(words)
    assert words.count("100.0") == count**2 + 2
