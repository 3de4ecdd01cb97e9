"""Files changed at random, with the old or a valid hash, raise only this package's errors."""

from __future__ import annotations

import os
import random
from hashlib import sha256
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import pytest
import safetensors.torch
import torch

import scratchticket as st
from changed_json import changed_text
from scratchticket.base.errors import InputError, TicketError
from scratchticket.base.files import canonical_json
from scratchticket.tickets.container import KEY, unpack

KNOWN = Path(__file__).parent / "known"
FILES = sorted(KNOWN.glob("*.safetensors"))
DIGEST, BLANK = "d" * 64, "0" * 64
INPUTS = int(os.environ.get("FUZZ_INPUTS", "100000"))  # of the slow tier, in all


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


def sealed(header: str, tensors: dict[str, torch.Tensor]) -> bytes:
    """Return a file with this header and a valid hash."""
    blank = safetensors.torch.save(tensors, {KEY: header.replace(DIGEST, BLANK)})
    return blank.replace(BLANK.encode(), sha256(blank).hexdigest().encode())


def changed_header(content: bytes, dice: random.Random) -> bytes:
    """Return the file with one header value or one tensor changed, and a valid hash."""
    header, tensors = unpack(content)
    text = canonical_json(header | {"sha256": DIGEST})
    if dice.random() < 0.2:
        name = dice.choice(sorted(tensors))
        odd = [torch.empty(0), torch.zeros(3), torch.zeros(2, 2), tensors[name][:-1]]
        tensors[name] = dice.choice([*odd, tensors[name].flip(0), tensors[name].repeat(2)])
        return sealed(text, tensors)
    return sealed(
        changed_text(text, dice, closed="provenance" if dice.random() < 0.9 else ""), tensors
    )


def attack_the_reader(content: bytes, count: int, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(count):
        damaged = changed_bytes(content, dice)
        if damaged != content:
            with pytest.raises(TicketError) as caught:
                st.Ticket.from_bytes(damaged, 0)
            assert "\n" not in str(caught.value)
        resealed = changed_header(content, dice)
        try:
            ticket = st.Ticket.from_bytes(resealed, 0)  # a consistent change is a valid ticket
        except (TicketError, InputError) as error:  # of several tickets there may be none left
            assert len(str(error).splitlines()) == 1
        else:
            if dice.random() < 0.05:
                assert st.Ticket.from_bytes(ticket.to_bytes()).to_bytes() == ticket.to_bytes()


@pytest.mark.parametrize("kind", ["element", "dense", "kernel", "fine_tuned", "two_tasks"])
def test_1000_changed_files(kind: str) -> None:
    attack_the_reader((KNOWN / f"{kind}.safetensors").read_bytes(), count=100, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_100000_changed_files_take_little_memory(path: Path) -> None:
    before = getrusage(RUSAGE_SELF).ru_maxrss

    attack_the_reader(path.read_bytes(), count=-(-INPUTS // 2 // len(FILES)), seed=100)

    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 512 << 10  # KiB
