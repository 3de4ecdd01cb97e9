"""What a store knows of a job, whatever is in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_worker import DRAW, judged, ticket, tuned

from scratchticket.base.errors import InputError
from scratchticket.data import DataRecipe
from scratchticket.runs import lease
from scratchticket.sweeps import Job, Store
from scratchticket.sweeps.job import in_order
from scratchticket.sweeps.store import job_folders, record_in

ACCURACY = {"correct": 1, "total": 2, "interval": [0.1, 0.9]}


def finished(store: Store, job: Job, size: int = 3) -> dict[str, Any]:
    """Write files as a finished run leaves them, in short; return the record."""
    attack = {"title": "pgd", "name": "pgd", "norm": "linf", "epsilon": "0.1"} | ACCURACY
    result = {"epoch": 1, "natural": ACCURACY, "attacks": [attack]}
    record: dict[str, Any] = {
        "format": 1,
        "recipe": {"task": "draw"},
        "selected": "best",
        "results": {"best": result, "last": result},
        "weights": {"kept": 1, "total": 2},
        "bytes": size,
    }
    store.folder(job).mkdir(parents=True, exist_ok=True)
    store.ticket(job).write_bytes(b"abc")
    (store.folder(job) / "record.json").write_text(json.dumps(record))
    return record


def test_a_job_is_new_begun_running_finished_or_failed(tmp_path: Path) -> None:
    store, job = Store(tmp_path), ticket()
    states = [store.state(job)]
    store.folder(job).mkdir()
    states.append(store.state(job))  # an empty folder is as none

    held = store.take(job)
    assert held is not None
    states.append(store.state(job))
    held.release()
    states.append(store.state(job))
    store.fail(job, "out of luck", "details")
    states.append(store.state(job))
    finished(store, job)
    states.append(store.state(job))

    assert states == ["new", "new", "running", "begun", "failed", "finished"]
    described = json.loads((store.folder(job) / "job.json").read_text())
    assert described == {**job.json(), "label": "ticket"}
    failure = json.loads((store.folder(job) / "failure.json").read_text())
    assert failure == {"error": "out of luck", "details": "details"}
    assert store.failure(job) is None  # what is finished has not failed


@pytest.mark.parametrize("end", ["finished", "failed", "running"])
def test_nobody_takes_a_job_that_is_finished_failed_or_at_work(tmp_path: Path, end: str) -> None:
    store, job = Store(tmp_path), ticket()
    held = store.take(job)
    assert held is not None
    if end == "finished":
        finished(store, job)
    elif end == "failed":
        store.fail(job, "out of luck")
    if end != "running":
        held.release()

    assert store.take(job) is None

    assert lease.held(store.folder(job)) == (end == "running")
    held.release()


def test_a_run_whose_file_has_another_size_is_not_finished(tmp_path: Path) -> None:
    store = Store(tmp_path)
    finished(store, ticket(), size=4)

    assert store.record(ticket()) is None
    assert store.state(ticket()) == "begun"


def test_a_record_that_cannot_be_used_is_told_with_what_to_do(tmp_path: Path) -> None:
    store, job = Store(tmp_path), ticket()
    record = finished(store, job)
    file = store.folder(job) / "record.json"

    for wrong, said in (
        ({**record, "format": 2}, "format 2, this version reads 1; remove its folder"),
        ({**record, "bytes": -1}, "damaged at 'bytes': .*; remove its folder to run the job"),
    ):
        file.write_text(json.dumps(wrong))
        with pytest.raises(InputError, match=said):
            record_in(store.folder(job))
        assert store.state(job) == "failed"
        assert "remove its folder" in (store.failure(job) or "")


@pytest.mark.parametrize(
    ("content", "progress", "seconds"),
    [
        ("0.25", 0.25, 0.25),
        ("7", 1, 7),
        ("-1", 0, 0),
        ("nan", 0, 0),
        ("inf", 0, 0),
        ("much", 0, 0),
        (None, 0, 0),
    ],
)
def test_small_files_are_believed_as_far_as_they_can_be(
    tmp_path: Path, content: str | None, progress: float, seconds: float
) -> None:
    store = Store(tmp_path)
    store.folder(ticket()).mkdir()
    for name in ("progress", "seconds"):
        if content is not None:
            (store.folder(ticket()) / name).write_text(content)

    assert store.progress(ticket()) == progress
    assert store.seconds_spent(ticket()) == seconds


def test_seconds_add_up_and_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    store, job = Store(tmp_path / "store"), ticket()
    store.add_seconds(job, 5)  # there is no folder yet: no harm
    store.folder(job).mkdir(parents=True)
    store.add_seconds(job, 1.5)
    store.add_seconds(job, 2)
    store.save_progress(job, 0.12344)

    assert (store.seconds_spent(job), store.progress(job)) == (3.5, 0.1234)
    (store.folder(job) / "progress").unlink()
    (store.folder(job) / "progress").symlink_to(tmp_path / "elsewhere")
    store.save_progress(job, 0.5)
    assert not (tmp_path / "elsewhere").exists()


def test_folders_of_jobs_are_told_from_others(tmp_path: Path) -> None:
    for name in ("0123456789abcdef", "0123456789ABCDEF", "notes", "tensorboard", "named"):
        (tmp_path / name).mkdir()
    (tmp_path / "named" / "job.json").write_text("{}")

    assert job_folders(tmp_path) == [tmp_path / "0123456789abcdef", tmp_path / "named"]
    assert job_folders(tmp_path / "none") == []


def test_cleaning_takes_traces_of_failures_from_finished_jobs_and_follows_no_link(
    tmp_path: Path,
) -> None:
    store, job = Store(tmp_path / "store"), ticket()
    finished(store, job)
    store.fail(job, "at first")
    store.save_progress(job, 0.5)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "job.json").write_text("{}")
    link = store.path / "fedcba9876543210"
    link.symlink_to(elsewhere)

    assert store.clean() == []

    names = {file.name for file in store.folder(job).iterdir()}
    assert names == {"record.json", "ticket.safetensors"}
    assert link.is_symlink()
    assert [file.name for file in elsewhere.iterdir()] == ["job.json"]


def test_a_moved_store_is_the_same_and_its_jobs_keep_their_names(tmp_path: Path) -> None:
    """Folders of every version are found again."""
    jobs = [ticket(), tuned(ticket()), judged(ticket())]
    old = Store(tmp_path / "old")
    finished(old, jobs[0])
    old.path.rename(tmp_path / "new")

    assert Store(tmp_path / "new").state(jobs[0]) == "finished"
    assert [job.id[:8] for job in jobs] == ["c5f0503b", "9986ac86", "a2b633e8"]


def test_a_job_is_its_settings_and_needs_without_defaults_and_names() -> None:
    subject = ticket()

    assert ticket(**{"learning.momentum": 0.9}) == subject != ticket(**{"learning.momentum": 0.8})
    assert judged(subject).json()["needs"] == {"it": subject.id}
    settings = judged(subject).settings
    assert Job("judge", {**settings, "suite": None}, {"it": subject}) == judged(subject)
    assert Job("judge", settings, {"other": subject}) != judged(subject)
    assert Job("transfer", settings, {"it": subject}) != judged(subject)
    assert Job("run", DRAW, {"beside x": ticket(seed=1)}) != subject
    assert judged(subject).data == subject.data == DataRecipe()
    assert in_order([judged(subject)]) == list(judged(subject).chain()) == [
        subject, judged(subject),
    ]  # fmt: skip
