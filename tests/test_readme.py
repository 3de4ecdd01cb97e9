"""What the README says is true: its Python runs, its numbers are recorded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import scratchticket as st

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_three_lines_load_a_ticket_and_attack_it(capsys: pytest.CaptureFixture[str]) -> None:
    code = compile(BLOCKS[0], "README.md", "exec")
    assert len([line for line in BLOCKS[0].splitlines() if line]) == 3

    exec(code, {})

    (percent,) = re.findall(r"([\d.]+) %", capsys.readouterr().out)
    assert 80 < float(percent) < 95


def test_the_long_python_block_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, block = BLOCKS
    smaller = block.replace("width=16", "width=2").replace("epochs=20", "epochs=1")
    assert smaller != block
    monkeypatch.chdir(tmp_path)

    exec(compile(smaller, "README.md", "exec"), {})

    assert "under pgd-20, linf, 0.1" in capsys.readouterr().out
    assert st.Ticket.load(tmp_path / "ticket.safetensors").network.width == 2


def test_its_links_and_pictures_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https:)([^)#]+)[^)]*\)|(?:src|srcset)=\"([^\"]+)\"", README)
    paths = [link or picture for link, picture in links]
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_citation_and_version_agree() -> None:
    assert f"version: {st.__version__}\n" in (ROOT / "CITATION.cff").read_text()
