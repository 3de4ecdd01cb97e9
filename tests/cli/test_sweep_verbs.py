"""``run``, ``runs`` and ``report``, as a user calls them."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import keep_store
import pytest

from made_records import run_record
from patience import PATIENCE
from scratchticket.executors import Sweep, run_here
from scratchticket.paper import NAMES, SCALES, paper_recipe, studies
from scratchticket.paper.report import Records
from scratchticket.runs import lease
from scratchticket.sweeps import Store
from test_cli import call

CHANGES = {"network.width": "4", "data.train_images": "256"}
QUICK = replace(SCALES["quick"], changes=CHANGES)
SETTINGS = [word for name, value in CHANGES.items() for word in ("--set", f"{name}={value}")]


def told(*words: str, code: int = 0) -> str:
    """Return all that the program says; it must end with this code."""
    ended, output, errors = call(*words)
    assert ended == code, errors
    return output + errors


def killed(store: Path) -> int:
    """Kill the first process that works on a job; return its number."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for held in store.glob("*/lease-*"):
            try:
                number = int(json.loads(held.read_text())["pid"])
            except (OSError, ValueError):
                continue
            if (held.parent / "checkpoint.safetensors").exists():
                os.kill(number, signal.SIGKILL)
                return number
        time.sleep(0.1)
    raise AssertionError("nobody began to work")


def test_a_figure_is_made_end_to_end_though_a_worker_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    words = [sys.executable, "-m", "scratchticket", "run", "figure4", *SETTINGS]
    words += ["--store", str(store), "--workers", "2"]
    sweep = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)

    killed(store)
    _, said = sweep.communicate(timeout=PATIENCE)

    assert sweep.returncode == 0, said
    assert "4/4  features  done" in said
    jobs = paper_recipe("figure4").jobs(QUICK)
    assert {Store(store).state(job) for job in jobs} == {"finished"}
    assert not list(store.rglob("lease-*"))
    again = told("run", "figure4", *SETTINGS, "--store", str(store))
    assert "4 of 4 jobs are finished" in again
    assert "naturally trained" in told("runs", "status", "--store", str(store))
    one = told("runs", "show", jobs[-1].id[:10], "--store", str(store))
    assert json.loads(one)["record"]["kind"] == "features"
    page, tables = tmp_path / "report.html", tmp_path / "report.md"
    words = ["--store", str(store), "--out", str(page), "--markdown", str(tables)]
    report = told("report", *SETTINGS, *words)
    assert "recipes have numbers" in report
    assert "adversarially trained |" in tables.read_text()
    monkeypatch.setattr(keep_store, "TICKETS", tmp_path / "tickets")
    keep_store.keep(store, tmp_path / "kept.jsonl")
    keep_store.fill(tmp_path / "other", tmp_path / "kept.jsonl")
    assert {Store(tmp_path / "other").state(job) for job in jobs} == {"finished"}


def test_recipes_are_listed_and_counted() -> None:
    listed = told("run", "--list")

    assert all(name in listed for name in NAMES)
    counted = told("run", "table3", "figure4", "--dry-run", "--store", "nowhere")
    assert "table3" in counted
    lines = counted.splitlines()
    assert (
        sum(line.rstrip().endswith(" to do   ticket resnet18 5 %, cifar10") for line in lines) == 1
    )
    briefly = told("run", "table3", "figure4", "--dry-run", "--store", "nowhere", "--quiet")
    assert "ticket resnet18 5 %" not in briefly
    assert "less than in the paper: digits of 8x8 pixels" in counted
    assert not Path("nowhere").exists()


def test_what_is_less_than_in_the_paper_follows_what_is_asked_for() -> None:
    def less(*words: str) -> str:
        return told("run", "figure4", "--dry-run", "--store", "nowhere", *words)

    assert "less than in the paper: 1 seed instead of 3" in less()
    assert "instead of 3" not in less("--seeds", "3").split("width 16")[0]
    assert "learning.epochs=5" in less("--set", "learning.epochs=5")


def test_classes_are_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("3\n1\n")
    words = ("run", "figure4", "--dry-run", "--store", "nowhere")
    assert "data.classes=3,1" in told(*words, "--set", f"data.classes={tmp_path / 'names.txt'}")


def test_one_panel_of_a_recipe_can_be_run() -> None:
    def count(*words: str) -> int:
        counted = told("run", "figure1", "--dry-run", "--store", "nowhere", *words)
        found = re.search(r"(\d+) jobs in all", counted)
        assert found is not None
        return int(found[1])

    curve = len(SCALES["quick"].points)
    assert count("--panel", "resnet18 / cifar10") == curve + 1  # and the dense network
    assert count("--panel", "resnet18 / cifar10", "--panel", "resnet18 / cifar100") == 2 * curve + 2
    assert count("--panel", "resnet18 / cifar10", "--seeds", "1:3") == 2 * (curve + 1)
    assert count() > 10 * curve


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run",), "name a recipe"),
        (("run", "tabel3"), "unknown recipe 'tabel3'; did you mean 'table3'?"),
        (("run", "table3", "--scale", "big"), "unknown scale 'big'"),
        (("run", "table3", "--seeds", "0"), "at least one seed, got 0"),
        (("run", "table3", "--seeds", "3:3"), "at least one seed, got 3:3"),
        (("run", "table3", "--seeds", ":3"), "a range such as 1:3, below 10,000, got ':3'"),
        (("run", "table3", "--seeds", "-1"), "a range such as 1:3, below 10,000, got '-1'"),
        (("run", "table3", "--seeds", "9" * 5000), "below 10,000, got"),
        (("run", "table3", "--set", "seed=1"), "recipes choose this setting per job; use --seeds"),
        (("run", "figure4", "--set", "start.file=x"), "--set start.file: recipes choose this"),
        (("report", "--set", "ratio=0.5"), "--set ratio: recipes choose this"),
        (("run", "figure4", "--store", "x" * 300, "--dry-run"), ": File name too long"),
        (("run", "table3", "--workers", "0"), "at least 1"),
        (("run", "table3", "--data", "cifar10"), "NAME=PATH"),
        (("run", "table3", "--on", "slrum"), "did you mean 'slurm'?"),
        (("run", "table3", "--cluster", "time=3"), "--on slurm"),
        (("run", "table3", "--cluster", "time"), "NAME=VALUE"),
        (("run", "table3", "--on", "ray", "--cluster", "num_cpu=3"), "did you mean 'num_cpus'?"),
        (("run", "table3", "--on", "ray", "--cluster", "num_cpus=x"), "must be a number"),
        (("run", "table3", "--data", "cifra10=x"), "did you mean 'cifar10'"),
        (("run", "table3", "--data", "cifar10=no/such"), "no such data"),
        (("run", "table3", "--panel", "resnet18/cifar10"), "did you mean 'resnet18 / cifar10'?"),
        (("runs", "status", "--store", "no/such"), "no such store"),
        (("runs", "clean", "--store", "no/such"), "no such store"),
        (("report", "--store", "no/such"), "no such store"),
        (("report", "--records", "no/such"), "no such records"),
        (("report", "--out", "x", "--markdown", "x"), "must be different files"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], said: str) -> None:
    done = told(*words, code=2)

    assert said in done
    assert len(done.splitlines()) == 1


def test_failures_are_listed_with_how_to_go_on(tmp_path: Path) -> None:
    jobs = paper_recipe("figure4").jobs(QUICK)
    store = Store(tmp_path)
    for job in jobs:
        (taken := store.take(job)) and taken.release()
        (store.folder(job) / "record.json").write_text('{"format": 7}')
        if job.kind == "run":
            store.ticket(job).write_bytes(b"")

    done = told("run", "figure4", *SETTINGS, "--store", str(tmp_path), code=2)

    assert done.count("has format 7") == len(jobs)
    again = "the same command tries them again, but 4 of them only after you remove their folders"
    assert f"{len(jobs)} jobs failed; {again}" in done
    words = ("figure4", *SETTINGS, "--store", str(tmp_path))
    assert "0 to do, 4 to try again" in told("run", *words, "--dry-run")
    assert told("runs", "status", "--store", str(tmp_path)).count("failed") == len(jobs)
    out = str(tmp_path / "report.html")
    assert told("report", *words, "--out", out).count("has format 7") == len(jobs)


def document(*words: str, code: int = 0) -> tuple[Any, str]:
    """Return the one JSON document that the program prints, and its errors."""
    ended, output, errors = call(*words, "--json")
    assert ended == code, errors
    return json.loads(output), errors


def test_where_a_sweep_stands_is_one_json_document(tmp_path: Path) -> None:
    jobs = paper_recipe("figure4").jobs(QUICK)
    words = ("figure4", *SETTINGS, "--store", str(tmp_path / "store"))

    listed, _ = document("run", "--list")
    assert [recipe["name"] for recipe in listed] == [*NAMES, *studies()]
    ahead, _ = document("run", *words, "--dry-run")
    assert {job["state"] for job in ahead["jobs"]} == {"to do"}
    counts = {"jobs": len(jobs), "finished": 0, "failed": 0, "to_do": len(jobs)}
    assert ahead["recipes"] == [{"name": "figure4"} | counts]
    assert ahead["left"].pop("seconds") > 0  # by a measurement on this machine
    assert ahead["left"] == {"workers": 1, "jobs_not_measured": 0}
    assert ahead["scale"] == "quick"
    assert any("seed" in line for line in ahead["less_than_in_the_paper"])

    store = Store(tmp_path / "store")
    for job in jobs:  # none can be done again
        (taken := store.take(job)) and taken.release()
        (store.folder(job) / "record.json").write_text('{"format": 7}')
        if job.kind == "run":
            store.ticket(job).write_bytes(b"")
    done, errors = document("run", *words, code=2)
    assert errors.startswith("error: ")
    assert len(errors.splitlines()) == 1
    assert [job["id"] for job in done["jobs"]] == [store.folder(job).name for job in jobs]
    assert all("has format 7" in job["why"] for job in done["jobs"])
    assert done["recipes"][0]["failed"] == len(jobs)

    status, _ = document("runs", "status", "--store", str(store.path))
    assert {one["state"] for one in status} == {"failed"}
    assert {one["id"] for one in status} == {store.folder(job).name for job in jobs}
    assert document("runs", "show", status[0]["id"], "--store", str(store.path))[0]["state"]
    assert document("runs", "clean", "--store", str(store.path))[0] == {"removed": []}


def test_a_sweep_that_is_done_is_one_json_document(tmp_path: Path) -> None:
    changes = [*SETTINGS, "--set", "learning.epochs=1", "--set", "attack.steps=1"]

    done, errors = document("run", "figure4", *changes, "--store", str(tmp_path))

    assert {job["state"] for job in done["jobs"]} == {"finished"}
    assert errors == ""


def test_why_a_job_failed_is_shown_and_one_bad_folder_hides_no_other(tmp_path: Path) -> None:
    first, second, *_ = paper_recipe("figure4").jobs(QUICK)
    store = Store(tmp_path)
    for job in (first, second):
        (taken := store.take(job)) and taken.release()
    store.fail(first, "no such file", "Traceback: the whole story")
    (store.folder(second) / "job.json").write_text('{"label": "den')

    shown = json.loads(told("runs", "show", first.id[:12], "--store", str(tmp_path)))
    assert shown["state"] == "failed"
    assert shown["failure"] == {"error": "no such file", "details": "Traceback: the whole story"}
    (tmp_path / "0123456789abcdef").write_text("no folder")
    (tmp_path / "fedcba9876543210").mkdir()
    (tmp_path / "notes").mkdir()
    status = " ".join(told("runs", "status", "--store", str(tmp_path)).split())
    assert "failed" in status
    assert "job.json is damaged" in status
    assert "0123456789abcdef begun" in status
    assert "fedcba9876543210 begun" in status
    assert "notes" not in status
    (store.folder(first) / "record.json").write_text("{")
    shown = json.loads(told("runs", "show", first.id[:12], "--store", str(tmp_path)))
    assert "record.json is damaged" in shown["record"]
    assert "0123456789abcdef" in told("runs", "clean", "--store", str(tmp_path))


def test_cleaning_says_what_it_removes(tmp_path: Path) -> None:
    job = paper_recipe("figure4").jobs(QUICK)[0]
    taken = Store(tmp_path).take(job)
    assert taken is not None
    assert "running" in told("runs", "status", "--store", str(tmp_path))
    taken.release()

    assert job.id[:16] in told("runs", "clean", "--store", str(tmp_path))
    assert not lease.held(Store(tmp_path).folder(job))
    assert told("runs", "show", "00", "--store", str(tmp_path), code=2).startswith("error")


def test_a_report_uses_all_seeds_or_says_what_it_leaves_out(tmp_path: Path) -> None:
    record = run_record()
    jobs = [
        job
        for job in paper_recipe("figure8").jobs(replace(SCALES["quick"], seeds=(0, 2)))
        if job.kind == "run"
    ]
    file, page = tmp_path / "records.jsonl", tmp_path / "page.html"
    Records(
        {
            job.id: {"job": {**job.json(), "label": job.label}, "seconds": 1.0, "record": record}
            for job in jobs
        }
    ).save(file)
    words = ["report", "figure8", "--records", str(file), "--out", str(page)]

    assert "note" not in told(*words)
    assert "seeds 1, 3 (0, 2 in settings and records)" in page.read_text()
    assert "n=2" in page.read_text()

    said = " ".join(told(*words, "--seeds", "1").split())
    assert "note: --seeds leaves out the runs with seed 2" in said
    assert f"note: {len(jobs) // 2} of {len(jobs)} records are of other recipes or seeds" in said
    assert "n=2" not in page.read_text()


@pytest.mark.parametrize("option", ["--out", "--markdown", "--export"])
def test_a_report_replaces_reports_alone(tmp_path: Path, option: str) -> None:
    own, own_page = tmp_path / "own", tmp_path / "page.html"
    words = ["report", "figure4", "--records", str(tmp_path / "records"), option, str(own)]
    words += [] if option == "--out" else ["--out", str(own_page)]
    record = {"format": 1, "kind": "features", "distances": {}}
    job = paper_recipe("figure4").jobs(QUICK)[-1]
    line = {"id": job.id, "job": job.json(), "seconds": 1.0, "record": record}
    (tmp_path / "records").write_text(json.dumps(line) + "\n")
    told(*words)
    told(*words)  # its own from before
    notes = '# Notes\n\n## Chapter\n"job" <title>Robust scratch tickets at scale\n'
    own.write_text(notes)

    assert "is not a report of this kind" in told(*words, code=2)

    assert own.read_text() == notes


def test_who_cannot_watch_leaves_no_worker_behind(tmp_path: Path) -> None:
    def blind() -> None:
        raise PermissionError

    sweep = Sweep(("figure4",), "quick", str(tmp_path), changes=tuple(CHANGES.items()))
    with pytest.raises(PermissionError):
        run_here(sweep, observe=blind)

    assert not multiprocessing.active_children()
