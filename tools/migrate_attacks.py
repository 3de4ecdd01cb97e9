"""Rename kept jobs: an inner attack is named by the settings it has. Run once.

python tools/migrate_attacks.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from beside_study import judged as beside

from scratchticket.base.files import canonical_json, write_atomically
from scratchticket.base.quantities import fraction, fraction_text
from scratchticket.executors import Sweep
from scratchticket.paper import NAMES, SCALES, STUDIES
from scratchticket.runs.recipe import stored_recipe
from scratchticket.sweeps import Job, in_order
from scratchticket.sweeps.job import START

RECORDS = Path(__file__).parents[1] / "records"
OLD = {"name": "pgd", "epsilon": "8/255", "steps": 7, "step_size": None, "norm": "linf"}


def old_id(job: Job, known: dict[str, str]) -> str:
    """Return what a job was called; ``known`` has the old ids of those it needs, by their new."""
    value = job.json()
    value["needs"] = {role: known[need.id] for role, need in job.needs.items()}
    if job.kind == "run":
        settings = value["settings"]
        attack = {name: job.settings.get(f"attack.{name}", usual) for name, usual in OLD.items()}
        for name in ("epsilon", "step_size"):
            if attack[name] is not None:
                attack[name] = fraction_text(fraction(attack[name], name))
        attack["steps"] = int(attack["steps"])
        settings.pop("attack", None)
        if changed := {name: told for name, told in attack.items() if told != OLD[name]}:
            settings["attack"] = changed
        if START in job.needs:
            settings["start"]["sha256"] = known[job.needs[START].id]
    return sha256(canonical_json(value).encode()).hexdigest()


def jobs() -> Iterator[Job]:
    """Return every job that records may hold."""
    for scale in SCALES:
        every = (*NAMES, *STUDIES)
        yield from Sweep(every, scale, "nowhere", (), (0, 1, 2), (), False, ()).jobs()
    for seed in range(3):
        yield from in_order([beside(seed)])


def main() -> None:
    """Rename them."""
    olds = dict[str, str]()
    news = dict[str, Job]()
    for job in jobs():
        old = olds.setdefault(job.id, old_id(job, olds))
        assert news.setdefault(old, job) == job
    for path in sorted(RECORDS.glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            if "job" in line:
                job = news[line["id"]]
                line |= {"id": job.id, "job": {**job.json(), "label": line["job"]["label"]}}
            renamed(line.get("record", line))
        write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines))
    for kept in (RECORDS / "tickets").iterdir():
        name, _, more = kept.name.partition(".")
        found = next((job for old, job in news.items() if old.startswith(name)), None)
        assert found is not None, kept
        kept.rename(kept.with_name(f"{found.id[:16]}.{more}"))


def renamed(record: dict[str, Any]) -> None:
    """Give a run's record its id."""
    if "recipe" in record and "id" in record:
        recipe = stored_recipe(record["recipe"])
        record |= {"id": recipe.id, "recipe": recipe.json()}


if __name__ == "__main__":
    main()
