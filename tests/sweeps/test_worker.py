"""Jobs are done once, in order, and what fails does not stop the rest."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from patience import PATIENCE
from scratchticket.base.errors import InputError, Unwritable
from scratchticket.base.record import EvaluationRecord, RunRecord
from scratchticket.evaluation import Journal
from scratchticket.runs import lease
from scratchticket.sweeps import Job, Store, in_order, work
from scratchticket.sweeps.store import DEATHS
from scratchticket.sweeps.worker import do

TINY: dict[str, Any] = {
    "network.width": 2,
    "attack.name": "fgsm",
    "attack.epsilon": "0.1",
    "learning.epochs": 1,
    "learning.batch_size": 256,
    "evaluation.steps": 2,
}
DRAW = TINY | {"task": "draw", "ratio": "0.3"}


def ticket(**more: Any) -> Job:
    return Job("run", DRAW | more, label="ticket")


def tuned(start: Job) -> Job:
    settings = {p: v for p, v in TINY.items() if not p.startswith("network.")}
    return Job("run", settings | {"task": "train"}, {"start": start}, "fine-tuned")


def judged(subject: Job) -> Job:
    attacks = [{"name": "pgd", "settings": {"steps": 2}}]
    return Job("judge", {"attacks": attacks, "images": 40, "epsilons": ["0.1"]}, {"it": subject})


def test_a_job_is_named_by_what_it_is() -> None:
    assert ticket() == Job("run", DRAW | {"seed": 0, "network.name": "resnet18"}, label="other")
    assert ticket() != ticket(seed=1)
    assert tuned(ticket()) == tuned(ticket())
    assert tuned(ticket()) != tuned(ticket(seed=1))
    assert judged(ticket()) != judged(tuned(ticket()))
    assert len({ticket(), ticket(), tuned(ticket())}) == 2


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="unknown kind of job 'drew'; known: features"):
        Job("drew", {})  # type: ignore[arg-type]


def test_what_a_process_left_that_was_killed_at_its_end_is_removed(tmp_path: Path) -> None:
    store, job = Store(tmp_path), ticket()
    work(store, [job])
    left = store.folder(job) / "checkpoint.safetensors"
    left.write_bytes(b"of the last step")

    work(store, [job])

    assert not left.exists()
    assert store.state(job) == "finished"


def test_what_is_needed_comes_first() -> None:
    first, second = ticket(), tuned(ticket())

    assert in_order([judged(second), judged(first)]) == [
        first,
        second,
        judged(second),
        judged(first),
    ]


def test_a_sweep_is_done_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    jobs = in_order([judged(tuned(ticket())), judged(ticket())])
    assert {store.state(job) for job in jobs} == {"new"}

    work(store, jobs)

    assert {store.state(job) for job in jobs} == {"finished"}
    records = [store.record(job) for job in jobs]
    first, second = records[:2]
    assert isinstance(first, RunRecord)
    assert isinstance(second, RunRecord)
    assert first.recipe["ratio"] == "0.3"
    assert second.recipe["start"]["file"] == str(store.ticket(jobs[0]))
    assert all(isinstance(record, EvaluationRecord) for record in records[2:])
    before = [(store.folder(job) / "record.json").stat().st_mtime_ns for job in jobs]
    work(store, jobs)
    assert [(store.folder(job) / "record.json").stat().st_mtime_ns for job in jobs] == before
    assert not list(tmp_path.rglob("lease-*"))
    described = json.loads((store.folder(jobs[1]) / "job.json").read_text())
    assert described["needs"] == {"start": jobs[0].id}


def test_a_store_can_be_moved(tmp_path: Path) -> None:
    old, new = Store(tmp_path / "old"), Store(tmp_path / "new")
    jobs = in_order([tuned(ticket())])
    work(old, jobs)
    (old.folder(jobs[1]) / "record.json").unlink()  # as if it had been killed at the end
    old.path.rename(new.path)

    work(new, jobs)

    assert {new.state(job) for job in jobs} == {"finished"}


def test_a_failure_is_noted_and_the_rest_goes_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    missing = ticket(**{"data.name": "cifar10"})
    store = Store(tmp_path, places={"cifar10": str(tmp_path / "nowhere")})
    jobs = in_order([judged(missing), ticket()])

    work(store, jobs)

    states = [store.state(job) for job in jobs]
    assert states == ["failed", "new", "finished"]
    assert "nowhere" in (store.failure(missing) or "")
    assert store.failure(ticket()) is None
    store.retry(jobs)
    assert store.state(missing) == "begun"


def test_a_fault_of_ours_is_noted_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **settings: Any) -> None:
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr("scratchticket.sweeps.worker.perform", broken)
    store = Store(tmp_path)

    work(store, [ticket()])

    assert store.failure(ticket()) == "ZeroDivisionError: oh"
    assert "Traceback" in (store.folder(ticket()) / "failure.json").read_text()


def test_a_record_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    store = Store(tmp_path)
    work(store, [ticket()])
    record = store.folder(ticket()) / "record.json"
    whole = record.read_text()

    for content, said in (
        ("{", "damaged"),
        (whole.replace('"format": 1', '"format": 9'), "format 9"),
    ):
        record.write_text(content)
        assert store.state(ticket()) == "failed"
        assert said in (store.failure(ticket()) or "")
    record.write_text(whole)
    store.ticket(ticket()).unlink()
    work(store, [ticket()])
    assert store.state(ticket()) == "finished"  # half a result is none


def test_what_kills_process_after_process_is_given_up(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.folder(ticket())
    folder.mkdir()
    dead = {"token": "x", "host": lease._host(), "pid": 2**22 + 1, "began": "1"}
    (folder / f"lease-{DEATHS}").write_text(json.dumps(dead))

    work(store, [ticket()])

    assert "processes died" in (store.failure(ticket()) or "")
    assert not list(folder.glob("lease-*"))


@pytest.mark.parametrize("spoilt", ["file", "link", "job.json", "log.jsonl"])
def test_one_folder_that_cannot_be_used_fails_alone(tmp_path: Path, spoilt: str) -> None:
    store, other = Store(tmp_path / "store"), ticket(seed=1)
    folder = store.folder(ticket())
    store.path.mkdir()
    if spoilt == "file":
        folder.write_text("no folder")
    elif spoilt == "link":
        folder.symlink_to(tmp_path)
    else:
        (folder / spoilt / "full").mkdir(parents=True)
    store.retry([ticket()])

    work(store, [ticket(), other])

    assert store.state(other) == "finished"
    assert store.state(ticket()) == "failed"
    assert str(folder) in (store.failure(ticket()) or "")
    left: list[str] = []
    assert not store.clean(left.append) or spoilt not in {"file", "link"}
    assert len(left) == (spoilt == "file")


def test_what_a_run_left_that_is_of_no_use_is_begun_anew(tmp_path: Path) -> None:
    plain, spoilt = Store(tmp_path / "plain"), Store(tmp_path / "spoilt")
    work(plain, [ticket()])
    for name, content in (("recipe.json", "{"), ("checkpoint.safetensors", "half"), ("", "")):
        folder = spoilt.folder(ticket())
        folder.mkdir(parents=True)
        (folder / "log.jsonl").write_text("{}\n")
        recipe = plain.folder(ticket()) / "recipe.json"
        (folder / "recipe.json").write_text(recipe.read_text())
        if name:
            (folder / name).write_text(content)
        else:
            (folder / "recipe.json").unlink()

        work(spoilt, [ticket()])

        assert spoilt.failure(ticket()) is None
        assert spoilt.ticket(ticket()).read_bytes() == plain.ticket(ticket()).read_bytes()
        shutil.rmtree(folder)


def test_a_damaged_ticket_says_what_to_remove(tmp_path: Path) -> None:
    store, job = Store(tmp_path), judged(ticket())
    work(store, [ticket()])
    content = bytearray(store.ticket(ticket()).read_bytes())
    content[-1] ^= 1
    store.ticket(ticket()).write_bytes(content)

    work(store, in_order([job]))

    assert f"remove that ticket's folder, one of {store.folder(ticket())}" in (
        store.failure(job) or ""
    )


def test_two_workers_share_a_sweep(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from scratchticket.sweeps import *
jobs = [Job("run", {DRAW!r} | {{"seed": seed}}) for seed in range(4)]
work(Store(Path({str(tmp_path)!r})), jobs, poll_seconds=0.1)
"""
    both = [
        subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) for _ in range(2)
    ]
    for worker in both:
        _, said = worker.communicate(timeout=PATIENCE)
        assert worker.returncode == 0, said

    store = Store(tmp_path)
    jobs = [ticket(seed=seed) for seed in range(4)]
    assert {store.state(job) for job in jobs} == {"finished"}
    assert len(list(tmp_path.glob("*/record.json"))) == 4


def test_cleaning_removes_what_is_unfinished(tmp_path: Path) -> None:
    store = Store(tmp_path)
    work(store, [ticket()])
    failed = ticket(seed=1)
    begun = store.take(failed)
    assert begun is not None
    begun.release()
    (store.folder(ticket()) / ".record.json.1.tmp").write_text("left by a killed process")
    running = ticket(seed=2)
    held = store.take(running)
    assert held is not None

    removed = store.clean()

    assert removed == [store.folder(failed)]
    assert store.state(ticket()) == "finished"
    assert not list(store.folder(ticket()).glob(".*.tmp"))
    assert store.state(running) == "running"
    held.release()


def test_cleaning_ends_a_removal_that_was_interrupted(tmp_path: Path) -> None:
    (tmp_path / ".removed-0123" / "inner").mkdir(parents=True)

    assert not Store(tmp_path).clean()

    assert not list(tmp_path.iterdir())


def test_a_run_whose_ticket_was_cut_off_is_done_again(tmp_path: Path) -> None:
    store, job = Store(tmp_path), ticket()
    work(store, [job])
    whole = store.ticket(job).read_bytes()
    store.ticket(job).write_bytes(whole[:500])
    assert store.state(job) == "begun"

    work(store, [job])

    assert store.state(job) == "finished"
    assert store.ticket(job).read_bytes() == whole


def test_a_judgement_begun_by_another_version_begins_anew(tmp_path: Path) -> None:
    store, job = Store(tmp_path), judged(ticket())
    work(store, in_order([job]))
    journal = store.folder(job) / "journal.jsonl"
    plan, *findings = journal.read_text().splitlines()
    (store.folder(job) / "record.json").unlink()
    journal.write_text("\n".join([plan.replace('"torch":"', '"torch":"0.'), *findings]) + "\n")

    work(store, in_order([job]))

    assert store.state(job) == "finished"
    assert journal.read_text().splitlines()[0] == plan


def test_a_judgement_is_left_to_a_process_that_was_only_suspended(tmp_path: Path) -> None:
    store, job = Store(tmp_path), judged(ticket())
    work(store, [ticket()])
    store.folder(job).mkdir()
    suspended = Journal({}, store.folder(job) / "journal.jsonl")  # it holds the file, not the lease

    assert not do(job, store)

    assert store.failure(job) is None
    suspended.close()
    assert do(job, store)
    assert store.state(job) == "finished"


def test_a_job_that_cannot_be_taken_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, job = Store(tmp_path), ticket()

    def full(*_: object) -> None:
        raise Unwritable("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("scratchticket.sweeps.store.write_atomically", full)
        with pytest.raises(Unwritable):
            store.take(job)

    assert store.state(job) == "new"
