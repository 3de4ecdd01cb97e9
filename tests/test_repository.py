"""The files around the code agree with it: bounds, workflows, hooks."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from slow import SLOW

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
YAML = [*ROOT.glob(".*.yaml"), *(ROOT / ".github").rglob("*.yml")]


def plain(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(file: str) -> dict[str, str]:
    """Return the versions of a file of constraints; of two for different Pythons the first."""
    versions: dict[str, str] = {}
    for line in (ROOT / "constraints" / file).read_text().splitlines():
        if pin := re.match(r"([\w.-]+)==([\w.+]+)", line):
            versions.setdefault(plain(pin[1]), pin[2])
    return versions


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def test_lower_bounds_are_the_lowest_versions_tested() -> None:
    needs = [*PROJECT["dependencies"]]
    needs += [need for extra in PROJECT["optional-dependencies"].values() for need in extra]
    lowest, newest = pins("lowest.txt"), pins("pinned.txt")
    for need in needs:
        name, bound = re.split(">=|,", need)[:2]
        assert lowest[plain(name)] == bound, need
        assert plain(name) in newest, need


@pytest.mark.parametrize("file", YAML, ids=lambda file: file.name)
def test_yaml_is_read(file: Path) -> None:
    assert isinstance(yaml.safe_load(file.read_text()), dict)


def test_workflows_run_commands_that_exist() -> None:
    run = [
        shlex.split(line)
        for workflow in WORKFLOWS
        for step in steps(workflow)
        for line in step.get("run", "").splitlines()
        if "dev.py" in line
    ]
    assert {tuple(words[:3]) for words in run} == {("python3", "dev.py", "test")}
    assert ["--lowest"] in [words[3:] for words in run]
    told = subprocess.run(
        [sys.executable, str(ROOT / "dev.py"), "--help"], capture_output=True, text=True, check=True
    )
    assert "dev.py test --lowest" in told.stdout


def test_the_pythons_that_are_tested_are_the_ones_that_are_named() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())["jobs"]
    named = [
        text.rsplit(" ", 1)[1]
        for text in PROJECT["classifiers"]
        if re.search(r"Python :: 3\.\d+$", text)
    ]
    assert jobs["fast"]["strategy"]["matrix"]["python"] == named
    assert PROJECT["requires-python"] == f">={named[0]}"


def test_hooks_are_of_the_versions_that_are_pinned() -> None:
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    (ruff,) = (repo for repo in repos if "ruff" in repo["repo"])
    assert ruff["rev"] == f"v{pins('pinned.txt')['ruff']}"


@pytest.mark.parametrize("name", SLOW)
def test_tests_that_are_called_slow_exist(name: str) -> None:
    file, _, test = name.partition("::")
    source = (ROOT / file).read_text()
    assert f"def {test.partition('[')[0]}" in source if test else source
