"""Tickets given to others arrive as they were, and tell what they are."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub.constants
import pytest

import scratchticket as st
from scratchticket import gallery, sharing, tickets
from scratchticket.attacks import Attack, TargetedAPGD
from scratchticket.base.errors import InputError, TicketError
from scratchticket.runs.start import content_hash
from scratchticket.sharing import model_card, pull, push
from scratchticket.tickets import load_tickets

NAME = "digits-seed2/ticket"
COUNTS = {"correct": 171, "total": 200, "interval": [0.8, 0.9]}


def record_of(ticket: st.Ticket) -> dict[str, Any]:
    """Return a record of an evaluation."""
    return {
        "kind": "evaluation",
        "subject": {"sha256": content_hash(ticket)},
        "natural": COUNTS,
        "attacks": [
            COUNTS | Attack(TargetedAPGD(), "0.1").facts(),
            COUNTS
            | {"title": "autoattack, linf, 0.1", "name": "autoattack", "norm": "linf"}
            | {"epsilon": "0.1", "settings": {"square": {"queries": 5000}}},
        ],
        "worst_cases": [COUNTS | {"norm": "linf", "epsilon": "0.1", "attacks": ["one", "another"]}],
        "warning_signs": [{"name": "sample size", "text": "200 images; 1000 are usual"}],
        "plan": {"suite": "quick"},
    }


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record_of(st.Ticket.load(f"gallery:{NAME}"))))
    return path


def test_a_ticket_goes_into_a_folder_and_comes_out_again(judged: Path, tmp_path: Path) -> None:
    place = push(f"gallery:{NAME}", str(tmp_path / "shared"), records=[judged])

    copied = pull(place, tmp_path / "copy.safetensors")
    content = gallery.path_of(NAME).read_bytes()
    assert (tmp_path / "copy.safetensors").read_bytes() == content == copied.to_bytes()
    card = (Path(place) / "README.md").read_text()
    for said in (
        "171 | 200 | 85.5",
        "| **worst case**, linf, 0.1 |",
        "| of 2 attacks |",
        "| steps 100, targets 9, keep first |",
        "| square: queries 5000 |",
        "| steps 20, step size 1/80, random start yes |",  # of the record of its making
        "200 images; 1000 are usual",
    ):
        assert said in card
    assert "0.1 in the linf norm, pixels in [0, 1]" in card
    assert "suite quick" in card
    (block,) = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    exec(block.replace("ticket.safetensors", f"{place}/ticket.safetensors"), {})


class Hub:
    """A hub in a folder: what the package asks the real one for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create_repo(self, name: str, *, private: bool, exist_ok: bool) -> str:
        (self._folder / name).mkdir(parents=True, exist_ok=exist_ok)
        return f"https://hub/{name}"

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> None:
        for file in Path(folder_path).iterdir():
            (self._folder / repo_id / file.name).write_bytes(file.read_bytes())

    def hf_hub_download(self, name: str, file: str, **_: object) -> str:
        if not (path := self._folder / name / file).exists():
            raise FileNotFoundError(f"404: no {name}\nand more lines")
        return str(path)


def test_a_ticket_goes_to_the_hub_and_every_verb_takes_it(
    judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Hub(tmp_path / "hub")
    library = SimpleNamespace(HfApi=lambda: there, hf_hub_download=there.hf_hub_download)
    for module in (sharing.hub, tickets.hub):
        monkeypatch.setattr(module, "hub_library", lambda: library)

    assert push(f"gallery:{NAME}", "me/robust") == "https://hub/me/robust"
    again = st.Ticket.load("hub:me/robust")
    assert again.to_bytes() == gallery.path_of(NAME).read_bytes()
    assert "hub:me/robust" in (tmp_path / "hub" / "me" / "robust" / "README.md").read_text()
    with pytest.raises(InputError, match="cannot get me/other from the hub: 404: no me/other$"):
        st.Ticket.load("hub:me/other")


def test_the_real_library_is_asked_as_it_wants_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(InputError, match="cannot get me/robust@v1 from the hub: "):
        st.Ticket.load("hub:me/robust@v1")
    with pytest.raises(InputError, match="cannot push to me/robust: "):
        push(f"gallery:{NAME}", "me/robust")


def test_what_cannot_be_shared_is_refused(judged: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(InputError, match="not an empty folder"):
        push(f"gallery:{NAME}", str(tmp_path / "full"))
    with pytest.raises(InputError, match="does not belong to this ticket"):
        push("gallery:digits-seed2/ratio-0.2", str(tmp_path / "new"), records=[judged])
    judged.write_text("{}")
    with pytest.raises(InputError, match="not a record of an evaluation"):
        push(f"gallery:{NAME}", str(tmp_path / "new"), records=[judged])
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="no such shared ticket"):
        pull(str(tmp_path / "nothing"), tmp_path / "out")
    (tmp_path / "full" / "ticket.safetensors").write_bytes(b"not a ticket")
    with pytest.raises(TicketError):
        pull(str(tmp_path / "full"), tmp_path / "out")
    with pytest.raises(InputError, match="exists"):
        pull(str(tmp_path / "full"), judged)
    assert not (tmp_path / "out").exists()


def test_a_card_says_nothing_of_its_own(ticket: st.Ticket) -> None:
    evil = replace(ticket, classes=("](http://evil)", "<script>", *ticket.classes[2:]))

    card = model_card(evil, name="me/robust")

    assert "<script>" not in card
    assert "http://evil" not in card
    assert "upper bound" in card


@pytest.mark.parametrize(
    "provenance", [{}, {"recipe": 3}, {"recipe": {"attack": [], "data": 1}}, {"results": {"a": 1}}]
)
def test_a_ticket_that_says_nonsense_of_itself_is_no_traceback(
    provenance: dict[str, Any], ticket: st.Ticket
) -> None:
    odd = replace(ticket, provenance=provenance)
    try:
        assert "Unknown" in model_card(odd)
    except InputError as error:
        assert "provenance" in str(error)


def test_the_gallery_is_whole() -> None:
    for name in gallery.names():
        (ticket,) = load_tickets(f"gallery:{name}")
        recorded = ticket.provenance["results"]
        assert recorded["attacks"][0]["total"] in (360, 10_000)
    with pytest.raises(InputError, match=f"did you mean '{NAME}'"):
        gallery.path_of("digits-seed2/tickt")
