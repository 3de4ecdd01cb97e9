"""Run the study of docs/findings.md on digits, or a part of it, and keep its records.

    python tools/run_study.py digits --seed 0 --out runs/study

A run that is in the records already is not run again, and an interrupted one goes on, so the
command can be given as often as needed; several seeds can run side by side.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from studies import GALLERY, STUDIES, Study

from scratchticket.base.errors import InputError, Interrupted
from scratchticket.base.files import write_atomically
from scratchticket.runs.folder import RunFolder
from scratchticket.runs.recipe import Recipe, make_recipe
from scratchticket.runs.run import run
from scratchticket.runs.start import make_recipe_from_file

FILES = ("start.file", "beside.files")  # settings that name rows, and files in a recipe
ROOT = Path(__file__).parents[1]


def records_of(study: str, seed: int) -> Path:
    """Return the file of a study's records of one seed."""
    return ROOT / "records" / f"{study}-seed{seed}.jsonl"


def stored(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the settings of a recipe by path, but for where files lie."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        path = prefix + name
        found |= leaves(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return {path: value for path, value in found.items() if path not in FILES}


def agrees(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a stored recipe is this one: settings it did not have yet are at their defaults."""
    then, now, default = leaves(old), leaves(new), leaves(make_recipe({}).json())
    return then.keys() <= now.keys() and all(
        value == (then[path] if path in then else default.get(path)) for path, value in now.items()
    )


class Runner:
    """Runs the rows of a study for one seed, what they start from first.

    Args:
        study: Its rows by label.
        name: Of the study.
        seed: Of all its runs.
        out: Folder for the runs.
    """

    def __init__(self, study: Study, name: str, seed: int, out: Path) -> None:
        self._study, self._seed, self._out = study, seed, out
        self._path = records_of(name, seed)
        self._gallery = ROOT / "src" / "scratchticket" / "gallery" / f"{name}-seed{seed}"

    def recipe(self, label: str) -> Recipe:
        """Return the recipe of a row; what it starts from is there afterwards."""
        settings = self._study[label] | {"seed": self._seed}
        for name in FILES:
            if (rows := settings.get(name)) is not None:
                several = isinstance(rows, tuple)
                files = [str(self.ticket(row)) for row in (rows if several else (rows,))]
                settings[name] = files if several else files[0]
        return make_recipe_from_file(settings)

    def record(self, recipe: Recipe) -> dict[str, Any] | None:
        """Return the record of a recipe, if it was run."""
        wanted = recipe.json()
        return next((r for r in stored(self._path) if agrees(r["recipe"], wanted)), None)

    def ticket(self, label: str) -> Path:
        """Return the ticket file of a row, made if it is neither there nor in the gallery."""
        if self._kept(label).exists():
            return self._kept(label)
        recipe = self.recipe(label)
        known = self.record(recipe)
        home = RunFolder(self._out / (known or {"id": recipe.id})["id"][:16], recipe.task)
        if not home.finished():
            self._run(label, recipe, home)
        return home.ticket

    def keep(self, label: str) -> None:
        """Copy the ticket file of a row into the gallery."""
        self._gallery.mkdir(parents=True, exist_ok=True)
        file = self.ticket(label)
        if file.parent != self._gallery:
            shutil.copy(file, self._kept(label))

    def _kept(self, label: str) -> Path:
        """Return where the gallery has a row's ticket."""
        return self._gallery / f"{label.replace(' ', '-')}.safetensors"

    def __call__(self, label: str) -> None:
        """Run a row if there is no record of it."""
        recipe = self.recipe(label)
        if self.record(recipe) is None:
            self._run(label, recipe, RunFolder(self._out / recipe.id[:16], recipe.task))

    def _run(self, label: str, recipe: Recipe, home: RunFolder) -> None:
        begun = time.monotonic()
        record = run(recipe, home.path, resume=True)
        if self.record(recipe) is None:
            known = [*stored(self._path), {"label": label} | record]
            write_atomically(self._path, "".join(json.dumps(r) + "\n" for r in known))
        chosen = record["results"][record["selected"]]
        robust = chosen["attacks"][0]
        print(
            f"{label:<40} natural {chosen['natural']['correct']}/{chosen['natural']['total']}  "
            f"robust {robust['correct']}/{robust['total']}  {time.monotonic() - begun:.0f} s",
            flush=True,
        )


def read_arguments(text: str | None, studies: Iterable[str]) -> argparse.Namespace:
    """Read what a study's tool is called with, and set the number of threads.

    Args:
        text: What the tool does, in its first line.
        studies: That it knows.
    """
    parser = argparse.ArgumentParser(description=text.splitlines()[0] if text else "")
    parser.add_argument("study", choices=sorted(studies))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "study")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="rows whose label contains this")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    return options


def main() -> None:
    """Read the arguments and run."""
    options = read_arguments(__doc__, STUDIES)
    study = STUDIES[options.study]
    runner = Runner(study, options.study, options.seed, options.out)
    try:
        for label in study:
            if options.only in label:
                runner(label)
                if label in GALLERY.get(options.study, ()):
                    runner.keep(label)
    except (InputError, Interrupted) as error:
        sys.exit(f"{error}; the same command goes on")


if __name__ == "__main__":
    main()
