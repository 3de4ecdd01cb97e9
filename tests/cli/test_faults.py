"""Disks that are full or read-only, and a second run in a folder: a line, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from disks import Disk
from patience import PATIENCE
from test_cli import FAST, call

DRAW = ["draw", "--data", "digits", "--ratio", "0.3", *FAST]


def refused(*words: str | Path) -> str:
    """Return the only line that the program says; it must end with code 2."""
    code, _, errors = call(*words)
    assert code == 2, errors
    assert len(errors.splitlines()) == 1, errors
    return errors


def done(*words: str | Path) -> str:
    """Return what the program prints; it must succeed."""
    code, output, errors = call(*words)
    assert code == 0, errors
    return output


def litter(folder: Path) -> list[Path]:
    """Return what no command may leave."""
    return [f for f in folder.rglob("*") if f.name.startswith((".", "lease-"))]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    folder: Path = tmp_path_factory.mktemp("faults") / "drawn"
    done(*DRAW, "--out", folder)
    return folder


def same_ticket(drawn: Path, folder: Path) -> bool:
    name = "ticket.safetensors"
    return (folder / name).read_bytes() == (drawn / name).read_bytes()


def test_a_checkpoint_on_a_full_disk(
    disk: Disk, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scratchticket.learning.loop.FIRST_SAVE", 0.0)  # each step is saved
    monkeypatch.setattr("scratchticket.learning.loop.SAVING_SHARE", float("inf"))
    disk.resize("200k")  # one checkpoint fits, no two that know the best epoch
    run = disk.path / "run"

    said = refused(*DRAW, "--out", run)

    assert f"cannot write {run / 'checkpoint.safetensors'}: No space left on device" in said
    assert not (run / "checkpoint.safetensors").exists()
    assert (run / "checkpoint.before.safetensors").exists()
    disk.resize("20m")
    done(*DRAW, "--out", run, "--resume")
    assert same_ticket(drawn, run)
    assert not litter(disk.path)


@pytest.fixture(params=["1", ""], ids=["unbuffered", "buffered"])
def buffering(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", request.param)


@pytest.mark.usefixtures("buffering")
@pytest.mark.parametrize("words", [["--version"], ["show", "--preset", "cifar"], ["show", "no"]])
def test_nobody_reads_what_is_printed(words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)

    ended = subprocess.run(
        [sys.executable, "-m", "scratchticket", *words], stdout=write, stderr=write, check=False
    )

    os.close(write)
    assert ended.returncode == 1


@pytest.mark.usefixtures("buffering")
def test_nobody_reads_how_a_run_goes(tmp_path: Path, drawn: Path) -> None:
    loud = [word for word in DRAW if word != "--quiet"]
    words = [sys.executable, "-m", "scratchticket", *loud, "--out", str(tmp_path / "run")]
    read, write = os.pipe()
    os.close(read)

    ended = subprocess.run(words, stdout=write, stderr=write, check=False)

    os.close(write)
    assert ended.returncode == 1
    assert not litter(tmp_path)
    done(*DRAW, "--out", tmp_path / "run", "--resume")
    assert same_ticket(drawn, tmp_path / "run")


def test_a_record_on_a_full_disk(disk: Disk, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = disk.path / "run"
    with monkeypatch.context() as patch:  # this is asked just before the record is written
        patch.setattr("scratchticket.runs.run.commit", disk.fill)
        said = refused(*DRAW, "--out", run)

    assert f"cannot write {run / 'record.json'}: No space left on device" in said
    assert not (run / "record.json").exists()
    assert (run / "checkpoint.safetensors").exists()
    assert same_ticket(drawn, run)
    disk.free()
    done(*DRAW, "--out", run, "--resume")
    assert same_ticket(drawn, run)
    assert json.loads((run / "record.json").read_text())["results"]
    assert not (run / "checkpoint.safetensors").exists()
    assert not litter(disk.path)


@pytest.mark.parametrize("free", [0, 4096])  # for no line of the journal, for some
def test_an_evaluation_on_a_full_disk(disk: Disk, drawn: Path, free: int) -> None:
    words = ["evaluate", drawn / "ticket.safetensors", "--data", "digits", "--batch-size", "2"]
    words += ["--images", "64", "--steps", "1", "--json"]
    disk.fill(free)

    said = refused(*words, "--out", disk.path / "judged")

    assert "journal.jsonl: No space left on device" in said
    disk.free()
    again = json.loads(done(*words, "--out", disk.path / "judged"))
    undisturbed = json.loads(done(*words))
    for record in (again, undisturbed):
        del record["finished"], record["attacks"][0]["seconds"]
    assert again == undisturbed
    assert not litter(disk.path)


def test_a_report_on_a_full_disk(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    words = ["report", "figure4", "--store", tmp_path / "store", "--out", disk.path / "page.html"]
    done(*words)
    page = (disk.path / "page.html").read_bytes()
    disk.fill()

    said = refused(*words)

    assert "page.html: No space left on device" in said
    assert (disk.path / "page.html").read_bytes() == page
    assert not litter(disk.path)


def test_a_read_only_disk_is_read_and_not_written(disk: Disk, drawn: Path) -> None:
    shutil.copytree(drawn, disk.path / "drawn")
    shutil.copytree(drawn, disk.path / "begun")
    (disk.path / "begun" / "record.json").unlink()
    (disk.path / "store").mkdir()
    disk.read_only()
    ticket, out = disk.path / "drawn" / "ticket.safetensors", disk.path / "out"

    for words in (
        (*DRAW, "--out", out),
        (*DRAW, "--out", disk.path / "begun", "--resume"),
        (*DRAW, "--out", disk.path / "begun", "--overwrite"),
        (*DRAW, "--out", disk.path / "drawn", "--resume"),
        ("evaluate", ticket, "--data", "digits", "--steps", "1", "--out", out),
        ("bundle", ticket, ticket, "--out", out),
        ("report", "figure4", "--store", disk.path / "store", "--out", out),
    ):
        assert "Read-only file system" in refused(*words)
    done("show", ticket)
    done("evaluate", ticket, "--data", "digits", "--steps", "1")
    done("runs", "status", "--store", disk.path / "store")
    assert not out.exists()
    assert not litter(disk.path)


def test_what_cannot_be_written_is_not_computed(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is just too long, once a file of that name is written under another first."""
    for place in (
        "judging.adversarial.attacked_images",
        "pictures.mask_pictures.ticket_page",
        "export.write._dense",
        "paper.report.found",
        "tickets.save_tickets",
        "sharing.hub.read_bytes",
    ):
        monkeypatch.setattr(f"scratchticket.{place}", None)  # to call it would raise
    ticket, name = drawn / "ticket.safetensors", "x" * 240
    (tmp_path / "store").mkdir()

    for words in (
        ("attack", ticket, "--data", "digits", "--out", tmp_path / f"{name}.npz"),
        ("show", ticket, "--html", tmp_path / f"{name}.html"),
        ("export", ticket, "--to", "dense", "--out", tmp_path / f"{name}.safetensors"),
        ("bundle", ticket, "--out", tmp_path / f"{name}.safetensors"),
        ("pull", tmp_path, "--out", tmp_path / f"{name}.safetensors"),
        ("report", "figure4", "--store", tmp_path / "store", "--out", tmp_path / f"{name}.html"),
        ("report", "figure4", "--store", tmp_path / "store", "--export", tmp_path / f"{name}.json"),
    ):
        assert "File name too long" in refused(*words)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_sweep_on_a_read_only_disk(disk: Disk) -> None:
    (disk.path / "store").mkdir()
    disk.read_only()

    words = ["run", "figure4", "--store", str(disk.path / "store"), "--quiet"]
    sweep = subprocess.run(
        [sys.executable, "-m", "scratchticket", *words], capture_output=True, text=True, check=False
    )

    assert sweep.returncode == 2
    first, second = sweep.stderr.splitlines()
    assert first.startswith("error: cannot use folder")
    assert first.endswith("Read-only file system")
    assert second == "error: a worker could not continue: its message is above"


def test_of_two_runs_in_a_folder_the_second_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["draw", "--data", "digits", "--out", str(out), "--width", "8", "--epsilon", "0.1"]
    first = subprocess.Popen([sys.executable, "-m", "scratchticket", *words, "--quiet"])
    deadline = time.monotonic() + PATIENCE
    while not (out / "checkpoint.safetensors").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)

    for more in ([], ["--resume"], ["--overwrite"]):
        said = refused(*words, *more)
        assert f"{out} is in use by process {first.pid} of this machine; wait until" in said
    assert (out / "checkpoint.safetensors").exists()
    assert first.poll() is None
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert "already holds a run; use --resume" in refused(*words)
    assert not litter(out)


def test_what_is_there_is_not_replaced_by_something_else(drawn: Path, tmp_path: Path) -> None:
    ticket = drawn / "ticket.safetensors"
    before = {file: file.read_bytes() for file in drawn.iterdir()}
    quick = ("--data", "digits", "--attack", "fgsm", "--images", "5", "--quiet")
    assert "holds a draw or a training" in refused("evaluate", ticket, *quick, "--out", drawn)
    assert {file: file.read_bytes() for file in drawn.iterdir()} == before

    mine = tmp_path / "mine.npz"
    mine.write_text("mine")
    assert "exists" in refused("attack", ticket, "--data", "digits", "--out", mine)
    store, page = tmp_path / "store", tmp_path / "report.html"
    store.mkdir()
    words = ("report", "table9", "--store", store)
    done(*words, "--out", page, "--markdown", tmp_path / "t.md")
    done(*words, "--out", page, "--markdown", tmp_path / "t.md")  # its own it replaces
    assert "is not a report" in refused(*words, "--out", mine)
    assert "is not a report" in refused(*words, "--out", page, "--markdown", mine)
    assert "is not a report" in refused(*words, "--out", page, "--export", mine)
    assert mine.read_text() == "mine"


def test_ctrl_c_promises_only_what_is_kept(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scratchticket.judging.task.carry_out", interrupted)
    words = ("evaluate", drawn / "ticket.safetensors", "--data", "digits")
    assert "nothing is saved without --out" in refused(*words)
    assert "resume with the same command" in refused(*words, "--suite", "quick")
