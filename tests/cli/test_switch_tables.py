"""Tables of switches on a terminal of 80 columns: no word is broken."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from scratchticket.base.record import SwitchRecord, TransferRecord, read_as
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


COUNTS = {"correct": 123, "total": 360, "interval": [0.1, 0.5]}
FACTS = {"title": "pgd-20", "name": "pgd", "norm": "linf", "epsilon": "0.15", "settings": {}}
SPREAD = {
    "expected": 1.0, "total": 360, "interval": [0.123, 1.0], "all_right": COUNTS, "each": {},
}  # fmt: skip


def test_of_a_switch(printed: io.StringIO) -> None:
    titles = [f"{name} linf, 0.15, on {WORDS[2]}" for name in WORDS[:2]]
    attacks = [
        {**FACTS, **SPREAD, "title": title, "source": WORDS[2], "seconds": 1234.5}
        for title in titles
    ]
    worst = {
        **{"norm": "linf", "epsilon": "0.15", "tries": {}, "bound": 1.0, "strikes": 2},
        **{"gain": "no gain", "best_member": COUNTS | {"name": "x"}},
    }
    game = {"epsilon": "0.15", "probabilities": [0.5, 0.5], "answered": False, "value": 0.5}
    record = {
        "members": [{"name": name, "probability": 0.5} for name in ("one", "two")],
        "natural": SPREAD,
        "attacks": attacks,
        "worst_cases": [SPREAD | worst],
        "protocol": [],
        "game": game | {"rounds": []},
    }

    switch_tables.print_switch(read_as(SwitchRecord, record, "record"))

    assert max(map(len, printed.getvalue().splitlines()[:8])) <= 80
    found = printed.getvalue().split()
    for word in (*WORDS, "100.0", "34.2", "1234.5"):
        assert word in found
    assert "12.3 to 100.0" in printed.getvalue()


@pytest.mark.parametrize("count", [2, 6])
def test_of_a_transfer_matrix(printed: io.StringIO, count: int) -> None:
    names = [f"digits-seed{number}/ratio-0.05" for number in range(count)]
    matrix = {
        **FACTS, "stops": True, "total": 360, "rows": {n: dict.fromkeys(names, 360) for n in names},
        "mean": 1.0, "diagonal": 1.0, "off_diagonal": None, "by_source": {}, "best_source": 1.0,
    }  # fmt: skip
    record = {"matrices": [matrix], "networks": names, "natural": {}, "total": 360}

    switch_tables.print_matrices(read_as(TransferRecord, record, "record"))

    assert max(map(len, printed.getvalue().splitlines())) <= 80
    words = printed.getvalue().split()
    assert set(names) <= set(words)
    assert words.count("100.0") == count**2 + 2
