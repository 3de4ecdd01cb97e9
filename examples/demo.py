"""The paper's claim in miniature: a ticket from a random network beside a trained dense network.

Both start from the same random width-16 ResNet18 on 8x8 digits and go through the same loop with
PGD-7 inside. The ticket only chooses which tenth of the random weights remain; the dense network
trains all of them. Both are judged on the same test images under PGD-20.

    python3 dev.py demo
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from scratchticket.cli.terminal import LearningProgress, out, result_table, user_errors
from scratchticket.experiments.recipe import make_recipe
from scratchticket.experiments.run import RunFolder, run

SETTINGS = {
    "data": "digits",
    "network.name": "resnet18",
    "network.width": 16,
    "ratio": "0.1",
    "attack.epsilon": "0.1",
    "attack.step_size": "0.025",
    "learning.epochs": 40,
}


def finished_run(task: str, folder: Path, seed: int) -> dict[str, Any]:
    """Run a task in a folder: go on with an interrupted run, replace a finished one."""
    recipe = make_recipe(SETTINGS | {"task": task, "seed": seed})
    done = RunFolder(folder, task).record.exists()
    label = "drawing the ticket" if task == "draw" else "training the dense network"
    with LearningProgress(label, quiet=False) as progress:
        return run(recipe, folder, resume=not done, overwrite=done, observe=progress)


def main(folder: Path, seed: int) -> None:
    """Draw, train, compare."""
    with user_errors("nothing is lost: the same command goes on"):
        ticket = finished_run("draw", folder, seed)
        dense = finished_run("train", folder / "dense", seed)
        out.print(result_table({"ticket, untrained": ticket, "dense, trained": dense}))
        home, baseline = RunFolder(folder, "draw"), RunFolder(folder / "dense", "train")
        out.print(
            f"The ticket: {home.ticket}\nThe dense network: {baseline.ticket}\n"
            f"Look at {home.curves} and {home.examples}; the numbers are in {home.record}",
            soft_wrap=True,
        )


if __name__ == "__main__":
    here = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/demo")
    main(here, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
