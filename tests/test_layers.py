"""Imports go one way: each folder imports only from what the design allows it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import scratchticket

ROOT = Path(scratchticket.__file__).parent
FOUNDATION = {
    "_version",
    "accuracy",
    "errors",
    "files",
    "memory",
    "modes",
    "plugins",
    "processes",
    "quantities",
    "quantile",
    "rng",
    "signals",
    "typed",
}
FLOW = {
    "data": set(),
    "networks": set(),
    "masks": set(),
    "attacks": set(),
    "learning": {"data", "networks", "masks", "attacks"},
    "gallery": set(),
    "tickets": {"data", "networks", "masks", "attacks", "learning", "gallery"},
    "evaluation": {"data", "networks", "attacks", "tickets"},
    "switching": {"networks", "attacks", "tickets", "evaluation"},
    "experiments": {
        "data",
        "networks",
        "masks",
        "attacks",
        "learning",
        "tickets",
        "evaluation",
        "switching",
    },
    "export": {"networks", "tickets", "switching"},
    "page": {
        "gallery",
        "data",
        "networks",
        "attacks",
        "tickets",
        "evaluation",
        "switching",
        "experiments",
    },
    "sharing": {"tickets", "experiments"},
    "cli": {
        "data",
        "networks",
        "attacks",
        "learning",
        "tickets",
        "evaluation",
        "experiments",
        "export",
        "page",
        "gallery",
        "sharing",
    },
}
FILES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT)


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
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_folder_imports_only_from_folders_to_its_left(path: Path) -> None:
    folder = path.relative_to(ROOT).parts[0]
    for target, *rest in imports(path):
        assert target in FOUNDATION | FLOW[folder] | {folder}, f"{folder} imports {target}"
        private = [n for n in rest if n.startswith("_") and target not in {folder, "_version"}]
        assert not private, f"{folder} uses private names of {target}: {private}"


def test_the_foundation_imports_nothing_but_itself() -> None:
    for name in FOUNDATION:
        assert {target for target, *_ in imports(ROOT / f"{name}.py")} <= FOUNDATION


def test_the_command_line_computes_nothing() -> None:
    for path in (ROOT / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"torch", "numpy"}, path
