"""How much memory do several tickets of one network take, and how long does a switch take?

    python benchmarks/switching.py                      # everything: some minutes
    python benchmarks/switching.py --network resnet18

Tickets with random masks of 5 % stand in a ``RandomSwitch``, packed and resident. Memory is
compared with one dense network; a switch with the forward pass of one image, and with the machine's
limit, a plain copy of the network's weights. What a resident switch adds to a forward pass is the
draw and the choice of the module. A row of records/switching.jsonl is rewritten as soon as it is
measured.
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
from scratchticket.switching import RandomSwitch, SharedNetwork
from scratchticket.tickets.identity import fingerprint

RECORDS = Path(__file__).parents[1] / "records" / "switching.jsonl"
NETWORKS = ("resnet18", "wideresnet32")
COUNTS = (2, 6, 12)
RATIO, SEED, PASSES, CALLS = "0.05", 0, 7, 5


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


def timed(actions: dict[str, Callable[[], object]]) -> dict[str, dict[str, float]]:
    """Return median, least and most seconds of each action.

    They take turns; a turn is the mean of several calls, and the first is not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(PASSES + 1):
        for name, action in actions.items():
            begun = time.perf_counter()
            for _ in range(CALLS):
                action()
            if turn:
                seconds[name].append((time.perf_counter() - begun) / CALLS)
    return {
        name: {"median": median(taken), "min": min(taken), "max": max(taken)}
        for name, taken in seconds.items()
    }


@torch.no_grad()
def measured(recipe: st.NetworkRecipe, count: int) -> dict[str, Any]:
    """Return the row of a network and a number of tickets."""
    several = tickets(recipe, count)
    shared, image = SharedNetwork(several), torch.rand(1, 3, 32, 32)
    network, packed = several[0].build(), RandomSwitch(several, mode="packed")
    resident = RandomSwitch(several, mode="resident")
    held = [*network.parameters(), *network.buffers()]
    spare = [torch.empty_like(tensor) for tensor in held]
    turn = iter(range(10**9))

    def copy() -> None:
        for target, source in zip(spare, held, strict=True):
            target.copy_(source)

    return {
        "network": recipe.name,
        "ratio": RATIO,
        "tickets": count,
        "bytes": {
            "dense": sum(tensor.numel() * tensor.element_size() for tensor in held),
            "packed": packed.memory(),
            "resident": resident.memory(),
        },
        "seconds": timed(
            {
                "forward": lambda: network(image),
                "switch": lambda: shared.switch(next(turn) % count),
                "packed": lambda: packed(image),
                "resident": lambda: resident(image),
                "draw": lambda: resident._member(int(resident.draw(1))),
                "copy": copy,
            }
        ),
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
