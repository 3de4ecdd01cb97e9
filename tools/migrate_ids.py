"""Rename kept jobs: ids no longer hash the settings that are at their defaults. Run once.

python tools/migrate_ids.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from beside_study import judged as beside

from scratchticket.base.files import canonical_json, write_atomically
from scratchticket.executors import Sweep
from scratchticket.learning import SearchRecipe
from scratchticket.paper import NAMES, SCALES, STUDIES
from scratchticket.runs.recipe import stored_recipe
from scratchticket.sweeps import Job, in_order
from scratchticket.sweeps.job import START

RECORDS = Path(__file__).parents[1] / "records"
LATER = {
    "data.lazy": False,
    "learning.precision": "float32",
    "learning.compile": "none",
    "learning.memory_format": "channels_last",
    "learning.attacks": "",
    "network.logit_gain": None,
    "pattern.power": None,
    "pattern.cap": None,
}


def old_id(job: Job, known: dict[str, str]) -> str:
    """Return what a job was called; ``known`` has the old ids of those it needs, by their new."""
    settings = dict(job.settings)
    if job.kind == "run":
        settings = job.recipe.json()
        del settings["start"]["file"], settings["start"]["index"], settings["beside"]
        if job.recipe.search == SearchRecipe():
            del settings["search"]
        for path, default in LATER.items():
            part, name = path.split(".")
            if settings[part][name] == default:
                del settings[part][name]
        if START in job.needs:
            own = {p: v for p, v in job.settings.items() if p.startswith("network.")}
            settings["network"] = own
            settings["start"]["sha256"] = known[job.needs[START].id]
    needs = {role: known[need.id] for role, need in job.needs.items()}
    value = {"format": 1, "kind": job.kind, "settings": settings, "needs": needs}
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
