"""Which tickets belong together, what they are compared with, which images there are."""

from __future__ import annotations

from pathlib import Path

import pytest

import scratchticket as st
from scratchticket.base.errors import InputError, TicketError
from scratchticket.page import TicketSet, load_sets
from scratchticket.tickets import Ticket


def test_tickets_of_one_network_are_a_set_and_the_dense_network_is_compared(
    chosen: TicketSet,
) -> None:
    assert list(chosen.tickets) == ["ratio-0.3", "ratio-0.5"]
    assert chosen.dense is not None
    assert chosen.name == "digits: resnet18, width 2, seed 3"
    assert chosen.samples is not None
    assert len(chosen.samples) == 360
    assert chosen.epsilon("linf") == "0.1"
    assert float(chosen.epsilon("l2")) > 0.1


def test_tickets_of_different_networks_are_sets_of_their_own(
    files: list[Path], ticket: Ticket, tmp_path: Path
) -> None:
    other = tmp_path / "ratio-0.3.safetensors"
    ticket.save(other)

    first, second = load_sets([*files, other], data="digits")

    assert list(second.tickets) == ["ratio-0.3"]
    assert first.name != second.name
    with pytest.raises(InputError, match="no ticket"):
        first.switch(["elsewhere"])
    with pytest.raises(InputError, match="at least one"):
        first.switch([])


def test_the_named_dense_network_counts(files: list[Path]) -> None:
    dense, *tickets = files

    (only,) = load_sets(tickets, dense=dense)
    (none,) = load_sets(tickets)

    assert only.dense is not None
    assert none.dense is None
    with pytest.raises(InputError, match="is a ticket"):
        load_sets(tickets, dense=tickets[0])
    with pytest.raises(InputError, match="no ticket among the files"):
        load_sets([dense])


def test_images_that_fit_no_ticket_are_refused(files: list[Path], tmp_path: Path) -> None:
    import numpy as np

    one = {"images": np.zeros((20, 9, 9), np.uint8), "labels": np.arange(20) % 2}
    np.savez(tmp_path / "other.npz", **one)

    with pytest.raises((InputError, TicketError)):
        load_sets(files, data=str(tmp_path / "other.npz"))


def test_a_file_that_is_no_ticket_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"nothing")

    with pytest.raises(st.ScratchticketError, match=r"bad\.safetensors"):
        load_sets([bad])
