"""How long a sweep may still take."""

from __future__ import annotations

import json
from pathlib import Path

from scratchticket.cli.sweep_progress import time_left
from scratchticket.executors import Watch
from scratchticket.sweeps import Job, Store

RUNS = [Job("run", {"task": "train", "seed": seed}) for seed in range(3)]
JUDGED = Job("judge", {"attacks": [], "images": 1, "epsilons": []}, {"it": RUNS[0]})


def test_what_is_left_is_told_by_costs_then_by_what_was_done(tmp_path: Path) -> None:
    store, jobs = Store(tmp_path), [*RUNS, JUDGED]
    assert Watch(store, jobs).left() == (0, 4)
    assert Watch(store, jobs, {"run": 50}).left() == (150, 1)
    assert Watch(store, jobs, {"run": 50, "judge": 10}).left(workers=2) == (80, 0)
    done, half, _ = RUNS
    for job in (done, half):
        (taken := store.take(job)) and taken.release()
    store.ticket(done).touch()
    accuracy = {"correct": 1, "total": 2}
    results = {"best": {"natural": accuracy, "attacks": [accuracy]}}
    record = {"format": 1, "recipe": {"task": "train"}, "bytes": 0}
    record |= {"selected": "best", "results": results}
    (store.folder(done) / "record.json").write_text(json.dumps(record))
    store.add_seconds(done, 80)
    store.save_progress(half, 0.25)

    assert Watch(store, jobs, {"run": 50}).left() == (0.75 * 80 + 80, 1)
    store.fail(half, "out of luck")
    assert Watch(store, jobs, {"run": 50}).left() == (80, 1)
    assert Watch(store, jobs, {"run": 50}).left(again=True)[0] > 80


def test_jobs_of_less_work_tell_nothing_of_others(tmp_path: Path) -> None:
    def run(**changes: object) -> Job:
        named = {name.replace("__", "."): value for name, value in changes.items()}
        return Job("run", {"task": "train", "learning.epochs": 20} | named)

    def judge(who: Job, images: int) -> Job:
        return Job("judge", {"attacks": [], "images": images, "epsilons": []}, {"it": who})

    quick, wide = run(learning__epochs=1, learning__learning_rate=0.0), run(network__width=128)
    done = [quick, judge(quick, 9)]
    other = [run(), wide, run(attack__steps=1), judge(wide, 9), judge(quick, 99)]
    alike = [run(learning__epochs=1, seed=7), judge(run(), 9)]
    store = Store(tmp_path)
    watch = Watch(store, [*done, *other, *alike])
    watch.states |= dict.fromkeys(done, "finished")
    for job, seconds in zip(done, (12, 5), strict=True):
        (taken := store.take(job)) and taken.release()
        store.add_seconds(job, seconds)

    assert watch.left() == (12 + 5, len(other))


def test_what_is_known_of_the_time_left_is_said() -> None:
    assert time_left(200, 0) == "3 min left"
    assert time_left(200, 2) == "over 3 min left"
    assert time_left(0, 2) == ""
    assert time_left(0, 0) == "0 s left"
