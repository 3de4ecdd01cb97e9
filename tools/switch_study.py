"""Switch between tickets of a study, for docs/r2s.md, and keep the records.

    python tools/switch_study.py digits --seed 0 --out runs/study

What is done is not done again, and what was interrupted goes on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from judge_study import append, source_of
from run_study import ROOT, Runner, read_arguments, stored
from studies import STUDIES, SWITCHES, Switched, percent_label

import scratchticket as st
from scratchticket.data import load_data
from scratchticket.errors import InputError
from scratchticket.evaluation import balls
from scratchticket.experiments.judging import some_of
from scratchticket.experiments.subject import Subject, ticket_subject
from scratchticket.experiments.switches import SwitchTask, TransferTask
from scratchticket.experiments.task import carry_out

SEEDS = 3
Task = TransferTask | SwitchTask


class Study:
    """The tickets of a study, as they are needed.

    Args:
        name: Of the study.
        seed: Of its tickets.
        out: Folder for the runs.
    """

    def __init__(self, name: str, seed: int, out: Path) -> None:
        self._chosen: Switched = SWITCHES[name]
        self._own, self._other = (
            Runner(STUDIES[name], name, number, out) for number in (seed, (seed + 1) % SEEDS)
        )
        self._data = load_data(self._own.recipe("dense").data)

    def tasks(self) -> dict[str, Task]:
        """Return what there is to do, by label; tickets that are missing are made."""
        chosen, first = self._chosen, self._subject(self._own, "dense")
        where = balls(first.epsilon, first.norm, self._data.shape)
        images = some_of(self._data.test, chosen.images)
        common = (images, source_of(self._data), where, len(self._data.classes))
        dense = {
            "dense adversarial": first,
            "dense natural": self._subject(self._own, "dense natural"),
        }
        other = {
            f"{percent} %, other seed": self._subject(self._other, percent_label(percent))
            for percent in chosen.matrix
        }
        tasks: dict[str, Task] = {
            "transfer": TransferTask(self._members(chosen.matrix) | dense | other, *common)
        }
        for percents in chosen.quick:
            tasks[str(percents)] = SwitchTask(self._members(percents), *common, suite="quick")
        tasks[str(chosen.full)] = SwitchTask(
            self._members(chosen.full), *common, suite="full", dense=first
        )
        beside = {f"{p} %": self._subject(self._own, self._beside(p)) for p in chosen.full}
        tasks["drawn beside each other"] = SwitchTask(beside, *common, suite="full")
        return tasks

    def _beside(self, percent: int) -> str:
        """Return the label of a ticket that was drawn beside those before it."""
        label = percent_label(percent)
        return label if percent == self._chosen.full[0] else f"beside {label}"

    def _members(self, percents: tuple[int, ...]) -> dict[str, Subject]:
        """Return the tickets of some percents."""
        return {f"{p} %": self._subject(self._own, percent_label(p)) for p in percents}

    @staticmethod
    def _subject(runner: Runner, label: str) -> Subject:
        file = runner.ticket(label)
        return ticket_subject(st.Ticket.load(file), file)


def main() -> None:
    """Read the arguments and do what is missing."""
    options = read_arguments(__doc__, SWITCHES)
    path = ROOT / "records" / f"{options.study}-switch-seed{options.seed}.jsonl"
    try:
        tasks = Study(options.study, options.seed, options.out).tasks()
        for label, task in tasks.items():
            if options.only in label and all(record["label"] != label for record in stored(path)):
                folder = options.out / f"switch-{options.seed}" / label
                record = carry_out(task, folder=folder)
                append(path, {"label": label, "seed": options.seed} | (record or {}))
                print(label, flush=True)
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
