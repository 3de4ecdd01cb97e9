"""Names from files: nothing outside a run's folder, no command to the terminal, no code."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

import scratchticket as st
from scratchticket.base.errors import InputError, TicketError
from scratchticket.base.files import canonical_json
from scratchticket.evaluation import Journal
from scratchticket.judging.subject import state_dict
from scratchticket.paper import SCALES, paper_recipe
from scratchticket.sweeps import Store
from scratchticket.tickets.container import KEY, unpack
from test_cli import FAST, call

EVIL = "\x1b]0;x\x07\x1b[2J\r\n\u202e\x9b"
CODE = "hostile_marker:make"


def files(folder: Path) -> set[Path]:
    """Return everything in a folder."""
    return set(folder.rglob("*"))


def safe(text: str) -> bool:
    """Whether nothing in a text commands a terminal."""
    return all(c == "\n" or c.isprintable() for c in text)


def named(content: bytes, network: str) -> bytes:
    """Return a ticket of a network of another name, sealed anew."""
    header, tensors = unpack(content)
    header["tickets"][0]["network"] = {
        **{"name": network, "width": None, "arguments": {}},
        **{"init": "kaiming_normal", "fan_scale": "1"},
    }
    blank = "0" * 64
    told = safetensors.torch.save(tensors, {KEY: canonical_json(header | {"sha256": blank})})
    return told.replace(blank.encode(), sha256(told).hexdigest().encode())


@pytest.mark.parametrize("network", ["os:system", "posix:system", "subprocess:run", CODE])
def test_a_ticket_imports_nothing_until_the_user_names_it(
    tmp_path: Path, ticket: st.Ticket, monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    (tmp_path / "hostile_marker.py").write_text("open('imported', 'w')\nmake = None\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(os, "system", None)  # to call it would raise
    path = tmp_path / "evil.safetensors"
    path.write_bytes(named(ticket.to_bytes(), network))

    with pytest.raises(TicketError, match=f"--network {network}"):
        st.Ticket.load(path)
    for words in (["show", path], ["evaluate", path, "--data", "digits"]):
        code, _, err = call(*words)
        assert code == 2
        assert f"--network {network}" in err
    code, _, err = call("draw", "--data", "digits", "--out", tmp_path / "run", "--from", path)
    assert code == 2
    assert "hostile_marker" not in sys.modules
    assert not (tmp_path / "imported").exists()


def test_names_in_a_ticket_reach_neither_the_terminal_nor_other_folders(
    tmp_path: Path, ticket: st.Ticket
) -> None:
    names = [f"{EVIL}{number}" for number in range(8)] + ["../../../x", "/etc/passwd"]
    attack = {"epsilon": EVIL, "norm": "linf"}
    told = {"recipe": {"data": {"name": "../../x", "size": 4096}, "attack": attack, EVIL: EVIL}}
    path = tmp_path / "in" / "evil.safetensors"
    path.parent.mkdir()
    replace(ticket, classes=tuple(names), provenance=told).save(path)
    before = files(tmp_path)

    for words in (["show", path], ["evaluate", path, "--data", "digits"], ["show", path, "--json"]):
        _, out, err = call(*words)
        assert safe(out + err)

    assert files(tmp_path) == before


def test_classes_and_files_of_any_name_are_drawn_on(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    for name in ("$\\foo$", f"b{EVIL.replace('/', '')}", "<script>[red]"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for number in range(12):
            pixels = draws.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    out = tmp_path / "run"

    code, said, err = call("draw", "--data", tmp_path / "data", "--out", out, *FAST)

    assert code == 0, err
    assert safe(said + err)
    assert {path.parent for path in files(tmp_path) if path.suffix == ".safetensors"} == {out}
    picture = (out / "examples.svg").read_text()
    assert "\x1b" not in picture
    assert safe(call("show", out / "ticket.safetensors")[1])
    (tmp_path / "data" / "<script>[red]" / "0.png").write_bytes(b"")
    code, _, err = call("draw", "--data", tmp_path / "data", "--out", tmp_path / "no", *FAST)
    assert code == 2
    assert len(err.splitlines()) == 1


def test_a_store_removes_nothing_behind_a_link(tmp_path: Path) -> None:
    mine, store = tmp_path / "mine", tmp_path / "store"
    mine.mkdir()
    store.mkdir()
    (mine / "job.json").write_text('{"label": "\\u001b[2J"}')
    (mine / "precious").write_text("")
    (store / "evil").symlink_to(mine)

    job = next(iter(paper_recipe("figure8").jobs(SCALES["quick"])))
    Store(store).folder(job).symlink_to(mine)
    before = files(tmp_path)
    assert Store(store).take(job) is None
    assert "is a link" in (Store(store).failure(job) or "")
    (mine / "progress").symlink_to(mine / "precious")
    Store(store).save_progress(job, 0.5)
    (mine / "journal.jsonl").symlink_to(mine / "precious")
    with pytest.raises(InputError, match="is a link"):
        Journal({}, mine / "journal.jsonl")
    assert (mine / "precious").read_text() == ""
    assert files(tmp_path) - before == {mine / "progress", mine / "journal.jsonl"}
    assert Store(store).clean() == []
    assert (mine / "precious").exists()
    for words in (["status"], ["show", "evil"]):
        code, out, err = call("runs", *words, "--store", store)
        assert code == 0
        assert safe(out + err)


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "run")


def test_a_state_dict_runs_nothing_and_unpacks_to_no_bomb(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.save({"weight": Runs(tmp_path / "ran")}, path)
    with pytest.raises(InputError, match="holds no state dict"):
        state_dict(path)
    assert not (tmp_path / "ran").exists()

    import zipfile

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(300 << 20))
    with pytest.raises(InputError, match="would unpack to"):
        state_dict(path)
    for content in (b"\x80\x02cbuiltins\nbytearray\n", b"\x80\x02)", b"PK", b"\x80", b""):
        path.write_bytes(content)
        with pytest.raises(InputError):
            state_dict(path)


BYTES = os.fsdecode(b"caf\xe9")  # a name that is not UTF-8


def photographs(folder: Path, *classes: str) -> Path:
    """Write a few images of each class; the images' own names are no UTF-8."""
    draws = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(12):
            pixels = draws.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}{BYTES}.png")
    return folder


def test_names_that_are_no_utf8_are_refused_before_anything_is_computed(
    tmp_path: Path, ticket: st.Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photographs(tmp_path / BYTES, "a", "b")
    photographs(tmp_path / "classes", "a", BYTES)
    for name in ("t", BYTES, f"folder{BYTES}/t"):
        path = tmp_path / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        ticket.save(path)
    mine, digits = f"{BYTES}.safetensors", ("--data", "digits")
    before = files(tmp_path)

    for words in (
        ("draw", "--data", f"./{BYTES}", *FAST, "--out", "o"),
        ("draw", "--data", "classes", *FAST, "--out", "o"),
        ("draw", *digits, *FAST, "--set", f"network.arguments.x={BYTES}", "--out", "o"),
        ("draw", *digits, *FAST, "--from", mine, "--out", "o"),
        ("draw", *digits, *FAST, "--beside", mine, "--out", "o"),
        ("draw", *digits, *FAST, "--classes", f"1,{BYTES}", "--out", "o"),
        ("train", "--data", f"./{BYTES}", *FAST, "--out", "o"),
        ("evaluate", mine, *digits, "--out", "o"),
        ("evaluate", "t.safetensors", "--data", f"./{BYTES}", "--out", "o"),
        ("evaluate", "t.safetensors", *digits, "--label-column", BYTES, "--out", "o"),
        ("attack", mine, *digits, "--out", "o.npz"),
        ("transfer", "t.safetensors", mine, *digits, "--out", "o"),
        ("transfer", "t.safetensors", f"folder{BYTES}/t.safetensors", *digits, "--out", "o"),
        ("push", "t.safetensors", f"./{BYTES}2"),
        ("run", "figure8", "--data", f"cifar10={BYTES}", "--store", "o"),
    ):
        code, _, err = call(*words)
        assert code == 2, words
        errors = [line for line in err.splitlines() if not line.startswith("note: ")]
        assert len(errors) == 1, err
        assert r"caf\udce9" in err
        assert "is not UTF-8; give it another name" in err
        assert not any(path.is_file() for path in files(tmp_path) - before), words


def test_what_a_record_does_not_hold_may_be_no_utf8(tmp_path: Path, ticket: st.Ticket) -> None:
    out, path = tmp_path / BYTES, tmp_path / f"{BYTES}.safetensors"
    data = photographs(tmp_path / "photos", "a", "b")
    ticket.save(path)

    for words in (
        ("draw", "--data", data, "--out", out, *FAST),
        ("evaluate", out / "ticket.safetensors", "--data", data, "--steps", "1"),
        ("show", path),
        ("show", path, "--html", tmp_path / f"{BYTES}.html"),
        ("bundle", path, "--out", tmp_path / f"{BYTES}-2.safetensors"),
        ("export", path, "--to", "dense", "--out", tmp_path / f"{BYTES}-3.safetensors"),
        ("push", path, tmp_path / "shared"),
        ("pull", tmp_path / "shared", "--out", tmp_path / f"{BYTES}-4.safetensors"),
    ):
        code, said, err = call(*words)
        assert code == 0, err
        assert safe(said + err)
