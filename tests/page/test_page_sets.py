"""Which tickets belong together, what they are compared with, which images there are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import scratchticket as st
from scratchticket.base.errors import InputError, TicketError
from scratchticket.page import TicketSet, load_sets
from scratchticket.page.sets import NATURAL, ROBUST
from scratchticket.tickets import Ticket


def test_tickets_of_one_network_are_a_set_and_the_dense_network_is_compared(
    chosen: TicketSet,
) -> None:
    assert list(chosen.tickets) == ["ratio-0.3", "ratio-0.5"]
    assert list(chosen.dense) == [NATURAL, ROBUST]
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

    own = Ticket.load(dense).to_bytes()
    assert only.dense[ROBUST].to_bytes() == own
    assert none.dense[ROBUST].to_bytes() != own
    with pytest.raises(InputError, match="is a sparse ticket"):
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


def test_tickets_are_labelled_by_what_they_keep_and_how_robust_they_are(
    packaged: TicketSet,
) -> None:
    said = {name: label.replace("\xa0", " ") for name, label in packaged.labels().items()}

    assert list(said.items()) == [
        ("ratio-0.05", "ratio-0.05: keeps 5 %, robust 80.0 %"),
        ("ticket", "ticket: keeps 10 %, robust 88.3 %"),
        ("ratio-0.4", "ratio-0.4: keeps 40 %, robust 87.8 %"),
    ]
    assert packaged.attack() == "pgd-20, linf, 0.1"
    assert packaged.best == "ticket"


def test_of_different_attacks_each_label_names_its_own(packaged: TicketSet) -> None:
    tickets = dict(packaged.tickets)
    told = json.loads(json.dumps(tickets["ticket"].provenance))
    told["results"]["attacks"][0]["title"] = "fgsm, linf, 0.1"
    tickets["ticket"] = replace(tickets["ticket"], provenance=told)
    tickets["ratio-0.4"] = replace(tickets["ratio-0.4"], provenance={})

    mixed = replace(packaged, tickets=tickets)

    assert mixed.attack() == ""
    labels = mixed.labels()
    assert labels["ticket"].endswith("under fgsm, linf, 0.1")
    assert labels["ratio-0.05"].endswith("under pgd-20, linf, 0.1")
    assert labels["ratio-0.4"].endswith("robustness not recorded")


def test_the_packaged_dense_networks_are_trained_as_they_are_called(
    packaged: TicketSet, digits: st.Data
) -> None:
    assert list(packaged.dense) == [NATURAL, ROBUST]
    assert packaged.natural == [NATURAL]
    attack = st.AttackRecipe("pgd", epsilon=0.1, steps=20)
    test = digits.test[slice(0, 120)]
    robust = {}
    for name, ticket in packaged.dense.items():
        ticket.prove()
        assert len(ticket.to_bytes()) < 300_000
        network = ticket.build()
        assert st.natural_accuracy(network, test).correct > 0.93 * 120
        robust[name] = st.robust_accuracy(network, test, attack).correct
    assert robust[NATURAL] < 0.65 * 120 < 0.75 * 120 < robust[ROBUST]


def test_tickets_of_other_data_are_not_compared_with_the_packaged_networks(
    packaged: TicketSet, tmp_path: Path
) -> None:
    told = json.loads(json.dumps(packaged.first.provenance))
    told["recipe"]["data"]["name"] = "./mine"
    replace(packaged.first, provenance=told).save(tmp_path / "mine.safetensors")

    (other,) = load_sets([tmp_path / "mine.safetensors"])

    assert other.dense == {}
