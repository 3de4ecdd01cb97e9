"""Ticket files of every kind, written by earlier versions, can still be read."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
import torch

import scratchticket as st
from scratchticket.data import pixels
from scratchticket.tickets import load_tickets, tickets_to_bytes

FOLDER = Path(__file__).parent / "known"
FILES = sorted(FOLDER.glob("*.safetensors"))


def test_every_kind_of_file_is_there() -> None:
    assert [path.stem for path in FILES] == [
        "channel",
        "dense",
        "element",
        "fine_tuned",
        "global",
        "kernel",
        "trained",
        "two_of_four",
        "two_tasks",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_known_file_holds_what_it_held(path: Path, digits: st.Data) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())

    tickets = load_tickets(path)

    assert len(tickets) == len(expected)
    images = pixels(digits.test.images[: len(expected[0]["logits"])])
    for ticket, facts in zip(tickets, expected, strict=True):
        bits = b"".join(mask.numpy().tobytes() for mask in ticket.mask.values())
        assert (ticket.mask.kept, ticket.mask.total) == (facts["kept"], facts["total"])
        assert sha256(bits).hexdigest() == facts["mask"]
        assert (ticket.weights is not None) == facts["stored"]
        logits = torch.tensor(facts["logits"])
        torch.testing.assert_close(ticket.build()(images), logits, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_this_version_writes_the_same_bytes(path: Path) -> None:
    assert tickets_to_bytes(load_tickets(path)) == path.read_bytes()
