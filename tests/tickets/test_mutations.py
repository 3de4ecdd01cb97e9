"""Files changed at random, sealed again or not: an error of ours, never anything else."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

import scratchticket as st
from scratchticket.errors import TicketError
from scratchticket.tickets.container import pack, unpack

KNOWN = Path(__file__).parent / "known"
ODD: list[Any] = [
    *(None, True, 0, -1, 1, 2**31, 2**63, 10**30, 0.5, 1e308, "", "x", "\n", [], {}, [[]]),
    *([0], {"a": 1}, "resnet18", "stored", "seed", "element", [2**40], [-1, -1], "ab" * 32, "1/3"),
]


def changed_bytes(content: bytes, dice: random.Random) -> bytes:
    """Return the content with bits flipped, bytes cut out, repeated, inserted or moved."""
    data = bytearray(content)
    start = dice.randrange(len(data))
    length = min(dice.choice([1, 2, 8, 64, 1000]), len(data) - start)
    kind = dice.randrange(5)
    if kind == 0:
        data[start] ^= 1 << dice.randrange(8)
    elif kind == 1:
        del data[start : start + length]
    elif kind == 2:
        data[start:start] = data[start : start + length]
    elif kind == 3:
        data[start:start] = dice.randbytes(length)
    else:
        data[start : start + length] = dice.randbytes(length)
    return bytes(data)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, inner in items:
        found.append((*path, key))
        if isinstance(inner, dict | list) and key != "provenance":
            found += places(inner, (*path, key))
    return found


def changed_header(content: bytes, dice: random.Random) -> bytes:
    """Return the file with one value of its header or one tensor changed, and sealed again."""
    header, tensors = unpack(content)
    header = json.loads(json.dumps(header))
    if dice.random() < 0.2:
        name = dice.choice(sorted(tensors))
        odd = [torch.empty(0), torch.zeros(3), torch.zeros(2, 2), tensors[name][:-1]]
        tensors[name] = dice.choice([*odd, tensors[name].flip(0), tensors[name].repeat(2)])
    else:
        *parents, last = dice.choice(places(header))
        node = header
        for key in parents:
            node = node[key]
        if dice.random() < 0.2:
            del node[last]
        else:
            node[last] = dice.choice(ODD)
    return pack(header, tensors)


def attack_the_reader(content: bytes, count: int, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(count):
        damaged = changed_bytes(content, dice)
        if damaged != content:
            with pytest.raises(TicketError) as caught:
                st.Ticket.from_bytes(damaged, 0)
            assert "\n" not in str(caught.value)
        try:
            resealed = changed_header(content, dice)
        except TicketError:
            continue
        try:
            st.Ticket.from_bytes(resealed, 0)  # whoever seals a consistent file has made a ticket
        except TicketError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("kind", ["element", "dense", "kernel", "fine_tuned", "two_tasks"])
def test_500_changed_files(kind: str) -> None:
    attack_the_reader((KNOWN / f"{kind}.safetensors").read_bytes(), count=100, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(KNOWN.glob("*.safetensors")), ids=lambda path: path.stem)
def test_10000_changed_files(path: Path) -> None:
    attack_the_reader(path.read_bytes(), count=1200, seed=100)
