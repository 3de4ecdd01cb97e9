"""Estimates of the time that a sweep still takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from made_records import run_record
from scratchticket.base.record import to_json
from scratchticket.cli.sweep_progress import time_left
from scratchticket.executors import Watch, calibrate
from scratchticket.sweeps import Job, Store
from scratchticket.sweeps.cost import operations

ATTACKS = [{"name": "pgd"}]


def run(**changes: object) -> Job:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return Job("run", {"task": "train", "network.width": 4, "learning.epochs": 2} | named)


def judge(subject: Job, images: int = 9) -> Job:
    return Job(
        "judge", {"attacks": ATTACKS, "images": images, "epsilons": ["0.1"]}, {"it": subject}
    )


def finished(store: Store, jobs: list[Job], **seconds: float) -> Watch:
    """Return the watch of jobs of which the first of some kinds are finished."""
    watch = Watch(store, jobs)
    for kind, spent in seconds.items():
        job = next(job for job in jobs if job.kind == kind)
        (taken := store.take(job)) and taken.release()
        store.add_seconds(job, spent)
        watch.states[job] = "finished"
    return watch


def cost(job: Job) -> float:
    known = operations(job)
    assert known is not None
    return known


def test_nothing_is_estimated_before_something_was_measured(tmp_path: Path) -> None:
    jobs = [run(seed=seed) for seed in range(3)]

    assert Watch(Store(tmp_path), jobs).left() == (0, 3)


def test_a_finished_job_predicts_others_in_proportion_to_their_operations(tmp_path: Path) -> None:
    done, long, wide = run(), run(learning__epochs=40), run(network__width=8)

    watch = finished(Store(tmp_path), [done, long, wide], run=50)

    expected = 50 * (cost(long) + cost(wide)) / cost(done)
    assert watch.left() == (pytest.approx(expected), 0)
    assert watch.left(workers=2) == (pytest.approx(expected / 2), 0)


def test_jobs_of_the_same_kind_predict_a_job_else_those_of_all_kinds(tmp_path: Path) -> None:
    first = run()
    jobs = [first, judge(first), judge(first, images=90)]

    by_runs = finished(Store(tmp_path / "runs"), jobs, run=50)
    by_both = finished(Store(tmp_path / "both"), jobs, run=50, judge=7)

    rate = 50 / cost(first)
    assert by_runs.left() == (pytest.approx(rate * (cost(jobs[1]) + cost(jobs[2]))), 0)
    assert by_both.left() == (pytest.approx(70), 0)


def test_what_is_done_of_a_job_and_failed_jobs_are_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    done, half, failed = jobs = [run(seed=seed) for seed in range(3)]
    for job in (done, half, failed):
        (taken := store.take(job)) and taken.release()
    store.ticket(done).touch()
    (store.folder(done) / "record.json").write_text(json.dumps(to_json(run_record("train"))))
    store.add_seconds(done, 80)
    store.save_progress(half, 0.25)
    store.fail(failed, "out of luck")

    assert Watch(store, jobs).left() == (pytest.approx(0.75 * 80), 0)
    assert Watch(store, jobs).left(again=True) == (pytest.approx(0.75 * 80 + 80), 0)


def test_jobs_on_data_of_unknown_size_are_counted_apart(tmp_path: Path) -> None:
    jobs = [run(), run(seed=1), run(data__name="/my/photographs")]

    assert finished(Store(tmp_path), jobs, run=50).left() == (pytest.approx(50), 1)


def test_a_measurement_stands_in_until_a_job_is_finished(tmp_path: Path) -> None:
    jobs = [run(), run(learning__epochs=4), judge(run())]
    watch = Watch(Store(tmp_path), jobs)

    calibrate(watch, "here", 1, "cpu")
    seconds, unknown = watch.left()

    assert seconds > 0
    assert unknown == 0
    ended = finished(Store(tmp_path), jobs, run=1e6)
    before = ended.left()
    calibrate(ended, "here", 1, "cpu")
    assert ended.left() == before


def test_the_workers_of_a_cluster_are_not_measured_here(tmp_path: Path) -> None:
    watch = Watch(Store(tmp_path), [run()])

    calibrate(watch, "slurm", 1, "cpu")

    assert watch.left() == (0, 1)


def test_the_estimate_is_shown_as_far_as_it_goes() -> None:
    assert time_left(200, 0) == "3 min left"
    assert time_left(200, 2) == "over 3 min left"
    assert time_left(0, 2) == ""
    assert time_left(0, 0) == "0 s left"
