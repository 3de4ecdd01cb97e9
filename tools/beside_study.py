"""Are tickets drawn beside each other a better switch? One set per seed, judged like Table 5's.

    python tools/beside_study.py --seed 0 --store runs/paper

The first ticket is drawn alone, each other one against attacks on the switch between it and those
before it (`draw --beside`). Everything else is as in `scratchticket run table5 --scale quick`, with
whose switch of tickets drawn alone it is compared. Finished jobs are kept in
records/paper-quick-beside.jsonl; what the store has is not done again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from keep_store import ROOT
from r2s_tables import TOGETHER

from scratchticket.paper import SCALES
from scratchticket.paper.parts import SET, panel, percent_name, switch
from scratchticket.paper.report import Records
from scratchticket.paper.scale import DataSet, Network
from scratchticket.sweeps import Job, Store, in_order, work
from scratchticket.sweeps.job import BESIDE

RECORDS = ROOT / "records" / "paper-quick-beside.jsonl"
NETWORK: Network = "resnet18"
DATA: DataSet = "cifar10"
LABEL = f"{TOGETHER}, {panel(NETWORK, DATA)}"


def members(seed: int) -> dict[str, Job]:
    """Return the tickets of a set by name, each drawn beside those before it."""
    scale, before = SCALES["quick"], dict[str, Job]()
    for percent in scale.some(SET):
        alone = scale.ticket(NETWORK, DATA, percent, seed)
        needs = {f"{BESIDE} {name}": job for name, job in before.items()}
        one = replace(alone, needs=needs, label=f"{alone.label}, beside {len(needs)} others")
        before[percent_name(percent)] = one if needs else alone
    return before


def judged(seed: int) -> Job:
    """Return the switch between tickets that were drawn beside each other, judged."""
    alone = switch(SCALES["quick"], NETWORK, DATA, seed)
    return replace(alone, needs={**alone.needs, **members(seed)}, label=LABEL)


def main() -> None:
    """Read the arguments and do it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", type=Path, default=ROOT / "runs" / "paper")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    store, jobs = Store(options.store), in_order([judged(options.seed)])
    work(store, jobs)
    own = [
        job for job in jobs if job.label == LABEL or any(n.startswith(BESIDE) for n in job.needs)
    ]
    known = Records.load(RECORDS).by_id if RECORDS.exists() else {}
    Records({**known, **Records.of(store, own).by_id}).save(RECORDS)


if __name__ == "__main__":
    main()
