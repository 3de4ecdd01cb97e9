"""How much memory do several tickets of one network take, and how long does a switch take?

    python benchmarks/switching.py                      # everything: some minutes
    python benchmarks/switching.py --network resnet18

Tickets with random masks of 5 % share their random weights in one ``SharedNetwork``. Its memory is
compared with that of as many separate networks, and a switch with building the ticket's network
anew and with the machine's limit, a plain copy of the network's weights. A row of
records/switching.jsonl is rewritten as soon as it is measured.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

import scratchticket as st
from scratchticket.experiments.records import commit, machine, versions
from scratchticket.files import write_atomically
from scratchticket.masks import keep_top
from scratchticket.networks import maskable, random_network, statistics
from scratchticket.switching import SharedNetwork
from scratchticket.tickets.identity import fingerprint

RECORDS = Path(__file__).parents[1] / "records" / "switching.jsonl"
NETWORKS = ("resnet18", "wideresnet32")
COUNTS = (2, 4, 8)
RATIO, SEED, PASSES = "0.05", 0, 5


def tickets(recipe: st.NetworkRecipe, count: int) -> list[st.Ticket]:
    """Return tickets of one random network with random masks."""
    network = random_network(
        recipe, classes=10, image_shape=(3, 32, 32), seed=SEED, mean=[0.0] * 3, std=[1.0] * 3
    )
    weights = maskable(network)
    prints = {name: fingerprint(weight) for name, weight in weights.items()}
    draws = torch.Generator().manual_seed(SEED)
    return [
        st.Ticket(
            network=recipe,
            seed=SEED,
            image_shape=(3, 32, 32),
            classes=tuple("0123456789"),
            mean=(0.0,) * 3,
            std=(1.0,) * 3,
            mask=st.Mask(
                {
                    n: keep_top(torch.rand(w.shape, generator=draws), RATIO)
                    for n, w in weights.items()
                }
            ),
            statistics={name: value.clone() for name, value in statistics(network).items()},
            fingerprints=prints,
        )
        for _ in range(count)
    ]


def timed(action: Callable[[], object]) -> dict[str, float]:
    """Return median, least and most seconds of several passes, after one that is not counted."""
    action()
    seconds = []
    for _ in range(PASSES):
        begun = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begun)
    return {"median": median(seconds), "min": min(seconds), "max": max(seconds)}


def measured(recipe: st.NetworkRecipe, count: int) -> dict[str, Any]:
    """Return the row of a network and a number of tickets."""
    several = tickets(recipe, count)
    shared = SharedNetwork(several)
    network = shared.switch(0)
    held = [*network.parameters(), *network.buffers()]
    spare = [torch.empty_like(tensor) for tensor in held]
    turn = iter(range(10**9))

    def copy() -> None:
        for target, source in zip(spare, held, strict=True):
            target.copy_(source)

    alone = sum(tensor.numel() * tensor.element_size() for tensor in held)
    return {
        "network": recipe.name,
        "ratio": RATIO,
        "tickets": count,
        "bytes": shared.memory() | {"separate": count * alone},
        "seconds": {
            "switch": timed(lambda: shared.switch(next(turn) % count)),
            "build": timed(several[0].build),
            "copy": timed(copy),
        },
        "machine": machine("cpu"),
        "versions": versions(),
        "commit": commit(),
    }


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=NETWORKS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = {}
    if RECORDS.exists():
        for line in RECORDS.read_text().splitlines():
            row = json.loads(line)
            rows[row["network"], row["tickets"]] = row
    for name in options.network:
        for count in COUNTS:
            row = measured(st.NetworkRecipe(name), count)
            rows[name, count] = row
            ordered = (rows[n, c] for n in NETWORKS for c in COUNTS if (n, c) in rows)
            write_atomically(RECORDS, "".join(json.dumps(r) + "\n" for r in ordered))
            seconds = row["seconds"]["switch"]["median"]
            print(f"{name}, {count} tickets: {seconds:.3f} s a switch", flush=True)


if __name__ == "__main__":
    main()
