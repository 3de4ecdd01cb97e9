"""The documentation builds without a warning, and its Python runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import scratchticket as st

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


@pytest.mark.parametrize("library", ["torchattacks", "art"])
def test_lines_for_libraries_that_are_not_installed_run_where_they_are(library: str) -> None:
    """Only RobustBench, which downloads its images, is left out."""
    pytest.importorskip(library)
    lines = (DOCS / "elsewhere.md").read_text().splitlines()
    start = next(
        n for n, line in enumerate(lines) if re.match(rf"    (import|from) {library}", line)
    )
    code = "\n".join(line.strip() for line in lines[start : start + 2])
    ticket = st.Ticket.load("gallery:cifar10-seed0/ticket-0.1")
    images = torch.rand(2, 3, 32, 32)
    names = {
        "torch": torch,
        "network": ticket.build(),
        "images": images,
        "labels": torch.zeros(2).long(),
    }

    exec(code, names)

    if library == "torchattacks":
        assert 0 < (names["adversarial"] - images).abs().max() <= 8 / 255 + 1e-6
    else:
        assert names["classifier"].predict(images.numpy()).shape == (2, 10)
