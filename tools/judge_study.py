"""Put rows of a study under many attacks, for docs/attacks.md, and keep the records.

    python tools/judge_study.py digits --seed 0 --out runs/study

What was judged already is not judged again, and an interrupted evaluation goes on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from run_study import ROOT, Runner, read_arguments, stored
from studies import JUDGED, STUDIES, Judged

import scratchticket as st
from scratchticket.base.errors import InputError
from scratchticket.base.files import write_atomically
from scratchticket.data import Data, load_data
from scratchticket.judging.evaluation import Judgement, some_of
from scratchticket.judging.subject import ticket_subject
from scratchticket.judging.task import carry_out


def judgement_of(runner: Runner, label: str, chosen: Judged) -> Judgement:
    """Return what to do with a row."""
    file, data = runner.ticket(label), load_data(runner.recipe(label).data)
    ticket = st.Ticket.load(file)
    where, attacks = chosen.attacks(data)
    images = some_of(data.test, chosen.images)
    return Judgement(ticket_subject(ticket, file), images, source_of(data), attacks, where)


def source_of(data: Data) -> dict[str, Any]:
    """Return what a record says of the images' origin."""
    return {"name": Path(data.name).name, "part": "test", "of": len(data.test)}


def append(path: Path, record: dict[str, Any]) -> None:
    """Add a record to a file."""
    lines = [json.dumps(known) + "\n" for known in [*stored(path), record]]
    write_atomically(path, "".join(lines))


def main() -> None:
    """Read the arguments and judge."""
    options = read_arguments(__doc__, JUDGED)
    chosen, seed = JUDGED[options.study], options.seed
    runner = Runner(STUDIES[options.study], options.study, seed, options.out)
    path = ROOT / "records" / f"{options.study}-attacks-seed{seed}.jsonl"
    try:
        for label in chosen.rows:
            known = stored(path)
            if options.only in label and all(r["label"] != label for r in known):
                task = judgement_of(runner, label, chosen)
                record = carry_out(task, folder=options.out / f"attacks-{label}-{seed}")
                append(path, {"label": label} | (record or {}))
                print(label, record and record["worst_case"], flush=True)
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
