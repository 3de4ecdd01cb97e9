"""Keep a sweep's finished jobs in the repository, or restore a store from there.

    python tools/keep_store.py keep runs/paper records/paper-small.jsonl
    python tools/keep_store.py fill runs/paper records/paper-small.jsonl

`keep` adds the records to the file and copies tickets, and the journals of unfinished evaluations,
to `records/tickets`. Networks of more than 400 kB are not kept; a job that needs one trains it
again. The repository keeps the tickets of scale small, which take hours each, but not those on
digits, which take a minute.
"""

from __future__ import annotations

import argparse
import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

from scratchticket.base.files import canonical_json, write_atomically
from scratchticket.base.record import RunRecord, read_record, to_json
from scratchticket.paper.report import Records
from scratchticket.runs.folder import RunFolder
from scratchticket.runs.recipe import stored_recipe
from scratchticket.tickets import Ticket

ROOT = Path(__file__).parents[1]
TICKETS = ROOT / "records" / "tickets"
GALLERY = ROOT / "src" / "scratchticket" / "gallery"
LARGEST = 400_000  # bytes; larger tickets are not kept
Facts = dict[str, Any]


def keep(store: Path, records: Path) -> None:
    """Add the finished jobs of a store to the records, and copy their tickets."""
    known = dict(Records.load(records).by_id) if records.exists() else {}
    TICKETS.mkdir(exist_ok=True)
    for folder in sorted(path.parent for path in store.glob("*/record.json")):
        job = json.loads((folder / "job.json").read_text())
        name = sha256(canonical_json({k: v for k, v in job.items() if k != "label"}).encode())
        if name.hexdigest() in known:
            continue
        record = read_record(json.loads((folder / "record.json").read_text()), folder)
        seconds = float((folder / "seconds").read_text())
        known[name.hexdigest()] = {"job": job, "seconds": seconds, "record": record}
        print(f"kept {folder.name} {job['label']}")
        if isinstance(record, RunRecord):
            ticket = RunFolder(folder, record.task).ticket
            if ticket.stat().st_size <= LARGEST:
                shutil.copy(ticket, TICKETS / f"{folder.name}.safetensors")
    Records(known).save(records)
    for journal in store.glob("*/journal*.jsonl"):
        kept = TICKETS / f"{journal.parent.name}.{journal.name}"
        kept.unlink(missing_ok=True)
        if not (journal.parent / "record.json").exists():
            shutil.copy(journal, kept)


def fill(store: Path, records: Path) -> None:
    """Restore the jobs of the records into a store, except runs whose tickets were not kept."""
    tickets = {}
    for file in (*GALLERY.glob("*/*.safetensors"), *TICKETS.glob("*.safetensors")):
        tickets[stored_recipe(Ticket.load(file).provenance["recipe"]).id] = file
    for name, facts in Records.load(records).by_id.items():
        folder, record = store / name[:16], facts["record"]
        if (folder / "record.json").exists():
            continue
        if isinstance(record, RunRecord):
            kept = tickets.get(stored_recipe(record.recipe).id)
            if kept is None:
                print(f"no ticket of {folder.name} {facts['job']['label']}")
                continue
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(kept, RunFolder(folder, record.task).ticket)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "job.json").write_text(json.dumps(facts["job"], indent=2) + "\n")
        (folder / "seconds").write_text(f"{facts['seconds']:.1f}")
        write_atomically(folder / "record.json", json.dumps(to_json(record), indent=2) + "\n")
        print(f"filled {folder.name} {facts['job']['label']}")
    for kept in TICKETS.glob("*.journal*.jsonl"):
        job, name = kept.name.split(".", 1)
        journal = store / job / name
        if not journal.exists():
            journal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(kept, journal)


def main() -> None:
    """Run ``keep`` or ``fill``."""
    parser = argparse.ArgumentParser(description="Keep a store's finished jobs, or restore them.")
    parser.add_argument("what", choices=("keep", "fill"))
    parser.add_argument("store", type=Path)
    parser.add_argument("records", type=Path)
    options = parser.parse_args()
    {"keep": keep, "fill": fill}[options.what](options.store, options.records)


if __name__ == "__main__":
    main()
