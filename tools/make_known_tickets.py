"""Write the ticket files that tests load: ``python tools/make_known_tickets.py``.

Each file covers a part of the format. Existing files are not overwritten, because every later
version must be able to read them. A JSON file of the same name says what a reader must find.
"""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import torch

import scratchticket as st
from scratchticket.data import pixels
from scratchticket.masks import Pattern
from scratchticket.tickets import load_tickets, save_tickets

TARGET = Path(__file__).parents[1] / "tests/tickets/known"
ATTACK = st.AttackRecipe("fgsm-rs", 0.1)
LEARNING = st.LearningRecipe(epochs=2)
IMAGES = 3


def five(data: st.Data) -> st.Data:
    """Return the data of the digits 0 to 4 only."""
    train, validation, test = (
        part[part.labels < 5] for part in (data.train, data.validation, data.test)
    )
    classes = data.classes[:5]
    return replace(data, classes=classes, train=train, validation=validation, test=test)


def drawn(data: st.Data, network: st.NetworkRecipe, **arguments: object) -> st.Ticket:
    """Return a ticket drawn in a few seconds."""
    settings = {"attack": ATTACK, "learning": LEARNING, "seed": 7} | arguments
    return st.draw_ticket(data, network, **settings)  # type: ignore[arg-type]


def tickets(data: st.Data) -> dict[str, list[st.Ticket]]:
    """Return the tickets of each file."""
    small = st.NetworkRecipe("resnet18", width=4)
    first = drawn(data, small, ratio=0.2)
    dense = st.train_network(data, small, attack=ATTACK, learning=LEARNING, seed=7)
    tuned = st.train_network(data, start=first, attack=ATTACK, learning=LEARNING, seed=7)
    wide = st.NetworkRecipe("wide_resnet", 4, "kaiming_normal", arguments={"depth": 10, "widen": 2})
    scaled = st.NetworkRecipe("preact_resnet18", 4, "kaiming_uniform", fan_scale="0.5")
    return {
        "element": [first],
        "two_tasks": [first, drawn(five(data), small, ratio=0.1)],
        "dense": [dense],
        "fine_tuned": [tuned],
        "trained": [drawn(data, small, ratio=0.2, start=dense)],
        "kernel": [drawn(data, wide, ratio=0.3, pattern=Pattern("kernel"))],
        "channel": [drawn(data, scaled, ratio=0.5, pattern=Pattern("channel"))],
        "two_of_four": [
            drawn(
                data,
                st.NetworkRecipe("conv4", 4, "xavier_normal"),
                ratio=0.5,
                pattern=Pattern("2:4"),
            )
        ],
        "global": [
            drawn(
                data,
                st.NetworkRecipe("imagenet_resnet18", 4, "signed_xavier_constant"),
                ratio=0.2,
                pattern=Pattern(budget="global"),
            )
        ],
    }


def expectation(ticket: st.Ticket, images: torch.Tensor) -> dict[str, object]:
    """Return what a reader must find: counts, a hash of the mask, some logits."""
    bits = b"".join(mask.numpy().tobytes() for mask in ticket.mask.values())
    return {
        "kept": ticket.mask.kept,
        "total": ticket.mask.total,
        "mask": sha256(bits).hexdigest(),
        "stored": ticket.weights is not None,
        "logits": [[round(v, 5) for v in row] for row in ticket.build()(images).tolist()],
    }


def main() -> None:
    """Write the files that are missing."""
    torch.set_num_threads(1)
    data = st.load_data("digits")
    images = pixels(data.test.images[:IMAGES])
    TARGET.mkdir(exist_ok=True)
    for name, several in tickets(data).items():
        path = TARGET / f"{name}.safetensors"
        if path.exists():
            print(f"{path.name} exists")
            continue
        save_tickets(several, path)
        facts = [expectation(ticket, images) for ticket in load_tickets(path)]
        path.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
