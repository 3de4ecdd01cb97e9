"""Export, gallery, push and pull on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import scratchticket as st
from test_cli import call

NAME = "gallery:digits-seed2/ratio-0.05"


def test_a_ticket_of_the_gallery_is_listed_shown_copied_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, out, _ = call("gallery")
    assert "digits-seed2/ratio-0.05" in out
    rows = json.loads(call("gallery", "--json")[1])
    assert {"cifar10", "digits"} == {row["data"] for row in rows}

    assert call("gallery", "digits-seed2/ratio-0.05", "--out", "copy.safetensors")[0] == 0
    assert st.Ticket.load("copy.safetensors").to_bytes() == st.Ticket.load(NAME).to_bytes()
    assert "proof     holds" in call("show", NAME)[1]
    words = ("--data", "digits", "--attack", "fgsm", "--images", "30", "--shard", "1/2", "--quiet")
    assert call("evaluate", NAME, *words)[0] == 0
    assert (tmp_path / "ratio-0.05-fgsm").is_dir()

    for mistake, said in (
        (("gallery", "digits-seed2/ratio-0.05"), "give its name and --out"),
        (("gallery", "nothing", "--out", "x"), "unknown ticket of the gallery"),
        (("gallery", "digits-seed2/ticket", "--out", "copy.safetensors"), "exists"),
        (("show", "gallery:nothing"), "unknown ticket of the gallery"),
    ):
        code, _, err = call(*mistake)
        assert (code, said in err) == (2, True), err


def test_a_ticket_is_exported(tmp_path: Path) -> None:
    out = tmp_path / "dense.safetensors"
    code, said, _ = call("export", NAME, "--to", "dense", "--integer", "--out", out)
    assert code == 0
    assert "1 ticket" in said
    assert out.exists()

    code, _, err = call("export", NAME, "--to", "onx", "--out", tmp_path / "x")
    assert (code, "did you mean 'onnx'" in err) == (2, True)


def test_a_ticket_is_pushed_and_pulled(tmp_path: Path) -> None:
    assert call("push", NAME, tmp_path / "shared")[0] == 0
    code, said, _ = call("pull", tmp_path / "shared", "--out", tmp_path / "mine.safetensors")
    assert code == 0
    assert "verified" in said

    code, _, err = call("push", NAME, tmp_path / "shared")
    assert (code, "not an empty folder" in err) == (2, True)


def test_a_ticket_is_shown_in_pictures(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = ("show", NAME, "--html", page, "--other", "gallery:digits-seed2/ratio-0.03")
    assert call(*words)[0] == 0
    assert "gallery:digits-seed2/ratio-0.03" in page.read_text()

    for mistake, said in (
        (words, "exists"),
        (("show", NAME, "--other", NAME), "--other needs --html"),
        (("show", NAME, "--html", tmp_path / "x", "--other", "nothing"), "no such ticket file"),
    ):
        code, _, err = call(*mistake)
        assert (code, said in err) == (2, True), err
