"""The page of a ticket shows what is in it."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import scratchticket as st
from scratchticket.base.errors import InputError
from scratchticket.masks import Mask
from scratchticket.networks import bare
from scratchticket.pictures.mask_pictures import MINUS, PLUS, ticket_page


def pictures(page: str, alternative: str) -> list[np.ndarray]:
    """Return the pixels of a page's pictures by what they are called."""
    found = re.findall(rf'alt="{alternative}" src="data:image/png;base64,([^"]*)"', page)
    return [np.array(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def test_masks_signs_and_filters_are_drawn(ticket: st.Ticket) -> None:
    page = ticket_page({"<mine>": ticket})

    weight = dict(bare(ticket.build()).named_parameters())["conv1.weight"]
    mask = ticket.mask["conv1.weight"]
    (kept,) = pictures(page, "Remaining ratio of kernels of conv1.weight")
    share = mask.double().mean(dim=(2, 3)).numpy()
    np.testing.assert_array_equal(kept[..., 3], np.rint(255 * np.sqrt(share)).astype("u1"))
    assert (kept[share > 0][:, :3] == PLUS).all()
    (filters,) = pictures(page, "First filters of &lt;mine&gt;")
    for colour, wanted in ((PLUS, weight > 0), (MINUS, weight < 0)):
        drawn = (filters[..., :3] == colour).all(axis=2) & (filters[..., 3] == 255)
        assert drawn.sum() == int(wanted.sum())
    assert (filters[..., 3] == 0).sum() == int((weight == 0).sum())  # the page shows through
    assert len(re.findall("<h3>", page)) == len(ticket.mask)
    assert f"{ticket.mask.kept:,} of {ticket.mask.total:,} weights" in page
    assert "<mine>" not in page
    assert not re.findall(r"https?://|<script", page)
    assert page == ticket_page({"<mine>": ticket})


def test_overlaps_stand_beside_chance(ticket: st.Ticket) -> None:
    torch.manual_seed(1)
    random = {n: torch.rand(m.shape) < 0.5 for n, m in ticket.mask.items()}
    others = {
        "itself": ticket,
        "random": replace(ticket, mask=Mask(random), score_seed=None),
    }
    page = ticket_page({"one": ticket} | others)

    def line(pair: str) -> list[str]:
        (found,) = re.findall(rf'<th scope="row">{pair}</th>(.*?)</tr>', page)
        return re.findall("<td>(.*?)</td>", found)

    assert line("one and itself")[:2] == [f"{ticket.mask.kept:,}", "100.0 %"]
    _, shared, chance = line("one and random")
    assert abs(float(shared[:-2]) - float(chance[:-2])) < 3
    assert "began with the same initial scores" in page


def test_tickets_of_two_networks_are_no_page(ticket: st.Ticket) -> None:
    other = replace(ticket, fingerprints=dict.fromkeys(ticket.fingerprints, "0" * 32))
    with pytest.raises(InputError, match="different networks"):
        ticket_page({"one": ticket, "other": other})


def test_accuracy_with_its_attack_bytes_seed_and_proof_stand_beside_the_pictures(
    ticket: st.Ticket,
) -> None:
    attacked = {"correct": 318, "total": 360, "title": "pgd-20, linf, 0.1"}
    results = {"natural": {"correct": 355, "total": 360}, "attacks": [attacked]}
    page = ticket_page(
        {"one": replace(ticket, provenance={"results": results}), "<other>": ticket}
    ).replace("&nbsp;", " ")

    (aside,) = re.findall("<aside.*?</aside>", page, re.DOTALL)
    one, other = aside.split("&lt;other&gt;")
    said = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", one))
    assert "natural 98.6 %, robust 88.3 % (pgd-20, linf, 0.1), on 360" in said["accuracy"]
    size = len(replace(ticket, provenance={"results": results}).to_bytes())
    assert said["file"].startswith(f"{size:,} bytes")
    assert said["seed"] == "5"
    assert said["proof"].startswith("holds")
    assert "<dt>accuracy</dt><dd>not recorded in the file</dd>" in other
