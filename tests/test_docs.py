"""The documentation builds without a warning, and its Python runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

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
