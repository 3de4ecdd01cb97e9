"""What is exported normalises its images; digits, which other tests use, need no normalisation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from test_export import session
from torch import Tensor

import scratchticket as st
from scratchticket.export import TicketGraph, export
from scratchticket.masks import Mask
from scratchticket.tickets import load_tickets

KNOWN = Path(__file__).parents[1] / "tickets" / "known"
MEAN, STD = 0.3, 0.25


def tickets() -> list[st.Ticket]:
    """Return two tickets of one network."""
    (ticket,) = load_tickets(KNOWN / "element.safetensors")
    ticket = replace(ticket, mean=(MEAN,), std=(STD,))
    others = Mask({name: mask.flip(0) for name, mask in ticket.mask.items()})
    return [ticket, replace(ticket, mask=others, score_seed=None)]


def images() -> Tensor:
    return torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def by_hand(ticket: st.Ticket) -> Tensor:
    """Return a ticket's logits of images that are normalised outside of it."""
    plain = replace(ticket, mean=(0.0,), std=(1.0,)).build()
    logits: Tensor = plain((images() - MEAN) / STD)
    assert not torch.allclose(logits, plain(images()), rtol=0, atol=0.1)
    return logits


def test_a_graph_of_tickets_normalises() -> None:
    graph = TicketGraph(tickets())

    for index, ticket in enumerate(tickets()):
        torch.testing.assert_close(graph(images(), torch.tensor(index)), by_hand(ticket))


@pytest.mark.parametrize(
    ("count", "more"),
    [(1, {}), (1, {"integer": True}), (2, {})],
    ids=["one", "integer", "two"],
)
def test_an_onnx_graph_normalises(count: int, more: dict[str, Any], tmp_path: Path) -> None:
    chosen = tickets()[:count]

    done = export(chosen, tmp_path / "graph.onnx", "onnx", **more)

    for index, ticket in enumerate(chosen):
        fed = {"ticket": index} if count > 1 else {}
        found = torch.from_numpy(session(done.path)(images(), **fed))
        torch.testing.assert_close(found, by_hand(ticket), rtol=1e-4, atol=1e-4)


def test_a_program_of_pytorch_normalises(tmp_path: Path) -> None:
    (ticket, _) = tickets()

    done = export([ticket], tmp_path / "program.pt2", "torch")

    found = torch.export.load(done.path).module()(images())
    torch.testing.assert_close(found, by_hand(ticket), rtol=1e-4, atol=1e-4)
