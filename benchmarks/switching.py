"""How much memory do several tickets of one network take, and how long does a switch take?

    python -m benchmarks switching                      # everything: some minutes
    python -m benchmarks switching --network resnet18

Tickets with random masks of 5 % stand in a ``RandomSwitch``, packed and resident. Memory is
compared with one dense network; a switch with the forward pass of one image, and with the machine's
limit, a plain copy of the network's weights. What a resident switch adds to a forward pass is the
draw and the choice of the module. A row is appended to records/switching.jsonl as soon as it is
measured.
"""

from __future__ import annotations

import torch

import scratchticket as st
from benchmarks.measure import (
    ROOT,
    append,
    between,
    circumstances,
    in_turn,
    options_of,
    spread,
)
from benchmarks.rows import SwitchingRow
from scratchticket.masks import keep_top
from scratchticket.networks import maskable, random_network, statistics
from scratchticket.switching import RandomSwitch, SharedNetwork
from scratchticket.tickets.identity import fingerprint

RECORDS = ROOT / "records" / "switching.jsonl"
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


@torch.no_grad()
def measured(recipe: st.NetworkRecipe, count: int) -> SwitchingRow:
    """Return the row of a network and a number of tickets."""
    where, several = circumstances(), tickets(recipe, count)
    shared, image = SharedNetwork(several), torch.rand(1, 3, 32, 32)
    network, packed = several[0].build(), RandomSwitch(several, mode="packed")
    resident = RandomSwitch(several, mode="resident")
    held = [*network.parameters(), *network.buffers()]
    spare = [torch.empty_like(tensor) for tensor in held]
    turn = iter(range(10**9))

    def copy() -> None:
        for target, source in zip(spare, held, strict=True):
            target.copy_(source)

    return SwitchingRow(
        network=recipe.name,
        ratio=RATIO,
        tickets=count,
        bytes={
            "dense": sum(tensor.numel() * tensor.element_size() for tensor in held),
            "packed": packed.memory(),
            "resident": resident.memory(),
        },
        seconds={
            name: spread(taken)
            for name, taken in in_turn(
                {
                    "forward": lambda: network(image),
                    "switch": lambda: shared.switch(next(turn) % count),
                    "packed": lambda: packed(image),
                    "resident": lambda: resident(image),
                    "draw": lambda: resident._member(int(resident.draw(1))),
                    "copy": copy,
                },
                PASSES,
                CALLS,
            ).items()
        },
        **where,
    )


def main(arguments: list[str]) -> None:
    """Measure what is asked for."""
    parser = options_of("switching", __doc__)
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=NETWORKS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for name in options.network:
        for count in COUNTS:
            row = measured(st.NetworkRecipe(name), count)
            append(RECORDS, row)
            switch, forward = (row.seconds[what] for what in ("switch", "forward"))
            took, share = between(switch, ".3f"), switch.median / forward.median
            print(
                f"{name}, {count} tickets: {took} s a switch, {share:.2f} forward passes",
                flush=True,
            )
