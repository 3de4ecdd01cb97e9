"""The paper's claim in miniature: a ticket from a random network beside a trained dense network.

Both start from the same random width-16 ResNet18 on 8x8 digits and go through the same loop with
PGD-7 inside. The ticket only chooses which tenth of the random weights remain; the dense network
trains all of them. Both are judged on the same test images under PGD-20.

    python3 dev.py demo
"""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from scratchticket.base.errors import InputError
from scratchticket.cli.terminal import LearningProgress, out, result_table, user_errors
from scratchticket.runs.folder import RunFolder
from scratchticket.runs.recipe import Recipe, make_recipe
from scratchticket.runs.run import run

SETTINGS = {
    "data.name": "digits",
    "network.name": "resnet18",
    "network.width": 16,
    "attack.epsilon": "0.1",
    "attack.step_size": "0.025",
    "learning.epochs": 40,
}
LABELS = {"draw": "ticket, untrained", "train": "dense, trained"}


def main(folder: Path, seed: int) -> None:
    """Draw, train, compare. An interrupted demo goes on; a finished one is run again."""
    recipes = {
        "draw": make_recipe(SETTINGS | {"task": "draw", "ratio": 0.1, "seed": seed}),
        "train": make_recipe(SETTINGS | {"task": "train", "seed": seed}),
    }
    homes = {"draw": RunFolder(folder, "draw"), "train": RunFolder(folder / "dense", "train")}
    with user_errors("the same command goes on"):
        again = all(home.finished() for home in homes.values())
        records = {}
        for task, home in homes.items():
            overwrite = again or not resumable(home, recipes[task])
            with LearningProgress(LABELS[task].split(",")[0], quiet=False) as progress:
                records[LABELS[task]] = run(
                    recipes[task],
                    home.path,
                    resume=not overwrite,
                    overwrite=overwrite,
                    observe=progress,
                )
        home = homes["draw"]
        out.print(result_table(records))
        out.print(
            f"The ticket: {home.ticket}\nThe dense network: {homes['train'].ticket}\n"
            f"Look at {home.curves} and {home.examples}; the numbers are in {home.record}",
            soft_wrap=True,
            markup=False,
        )


def resumable(home: RunFolder, recipe: Recipe) -> bool:
    """Whether the folder holds a run of this very recipe, or none."""
    try:
        home.check_same(recipe)
    except InputError:
        return not any(path.exists() for path in home.files())
    return True


if __name__ == "__main__":
    here = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/demo")
    try:
        main(here, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    except typer.Exit as told:  # in a line, by user_errors
        sys.exit(told.exit_code)
