"""Imports go one way: a folder imports only from those to its left, and no file in a circle."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import scratchticket

ROOT = Path(scratchticket.__file__).parent
CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"
LEARNED = {"data", "networks", "masks", "attacks", "learning"}
TICKETS = {*LEARNED, "gallery", "tickets"}
JUDGED = {*TICKETS, "evaluation", "switching", "pictures", "runs", "judging"}
FLOW = {
    "base": set(),
    "data": set(),
    "networks": set(),
    "masks": set(),
    "attacks": set(),
    "learning": LEARNED - {"learning"},
    "gallery": set(),
    "tickets": TICKETS - {"tickets"},
    "evaluation": {"data", "networks", "attacks", "tickets"},
    "switching": {"networks", "attacks", "tickets", "evaluation"},
    "pictures": {"data", "networks", "attacks", "learning", "tickets", "evaluation"},
    "runs": {*TICKETS, "evaluation", "pictures"},
    "judging": JUDGED - {"judging"},
    "sweeps": {
        "data",
        "networks",
        "attacks",
        "learning",
        "tickets",
        "evaluation",
        "runs",
        "judging",
    },
    "paper": {"data", "attacks", "evaluation", "pictures", "runs", "sweeps"},
    "executors": {"runs", "sweeps", "paper"},
    "export": {"networks", "tickets", "switching"},
    "sharing": {"tickets", "runs", "judging"},
    "estimator": {"data", "networks", "attacks", "learning", "tickets", "evaluation", "runs"},
    "page": JUDGED - {"learning"},
    "cli": {
        *JUDGED - {"masks", "switching"},
        "sweeps",
        "paper",
        "executors",
        "export",
        "sharing",
        "page",
    },
}
#: The package's own modules beside the folders: its public names, and the program.
ROOT_FILES = {"__init__", "__main__", "_version"}
FILES = sorted(ROOT.rglob("*.py"))


def module(path: Path) -> str:
    """Return the dotted name of a file, without the package's."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in FILES}


def imports(path: Path) -> set[tuple[str, ...]]:
    """Return the modules of this package that a file imports, without the package's name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {tuple(n.split(".")[1:]) for n in names if n.split(".")[0] == "scratchticket"}
    return found - {()}


@pytest.mark.parametrize("path", FILES, ids=module)
def test_a_folder_imports_only_from_folders_to_its_left(path: Path) -> None:
    folder = module(path).partition(".")[0]
    if path.parent == ROOT and path.stem in ROOT_FILES:
        return
    for target, *rest in imports(path):
        assert target in {"_version", "base", folder} | FLOW[folder], f"{folder} imports {target}"
        private = [n for n in rest if n.startswith("_") and target not in {folder, "_version"}]
        assert not private, f"{folder} uses private names of {target}: {private}"


def test_no_file_imports_itself_in_a_circle() -> None:
    graph = {
        name: {
            ".".join(part[:end])
            for part in imports(path)
            for end in (len(part), len(part) - 1)
            if ".".join(part[:end]) in MODULES
        }
        - {name, ""}
        for name, path in MODULES.items()
        if path.name not in {"__init__.py", "__main__.py"}  # which gather names of their folder
    }

    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_contributing_tells_the_order() -> None:
    told = re.search(r"\*\*Imports go one way\.\*\*(.*?):", CONTRIBUTING.read_text(), re.DOTALL)
    assert told is not None
    order = re.findall(r"`(\w+)`", told[1])

    assert order == list(FLOW)
    for place, folder in enumerate(order):
        assert FLOW[folder] <= set(order[:place]), folder
    assert {p.name for p in ROOT.iterdir() if (p / "__init__.py").exists()} == set(order) - {
        "estimator"
    }


def test_the_command_line_computes_nothing() -> None:
    for path in (ROOT / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"torch", "numpy"}, path
