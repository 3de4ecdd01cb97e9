"""What a sweep is made of, and where its workers compute, without starting any."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from scratchticket.base.errors import InputError
from scratchticket.executors import Sweep, check_crew, execute, slurm
from scratchticket.executors import ray as on_ray
from scratchticket.executors.crew import Ended
from scratchticket.executors.here import FAILED, STOPPED, _Here, _Process, threads_of_each
from scratchticket.executors.slurm import _line, _minutes, _Queue, _value


def sweep(*names: str, **more: Any) -> Sweep:
    return Sweep(names or ("figure4",), "quick", more.pop("store", "store"), **more)


@pytest.mark.parametrize(
    ("names", "settings", "message"),
    [
        ((), {}, "name a recipe, such as figure1, or give --all"),
        (("figure4",), {"changes": (("seed", "1"),)}, "--set seed: .* per job; use --seeds$"),
        (("figure4",), {"changes": (("ratio", "1"),)}, "--set ratio: .* per job$"),
        (
            ("figure4",),
            {"changes": (("start.file", "x"),)},
            "start.file: recipes choose this",
        ),
        (("figure4",), {"panels": ("x",)}, "unknown panel of these recipes 'x'"),
        (("figur4",), {}, "did you mean 'figure4'"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_it_begins(
    names: tuple[str, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Sweep(names, "quick", "store", **settings)


def test_a_sweep_is_its_recipes_jobs_each_once_needs_first() -> None:
    once, twice = sweep("figure4"), sweep("figure4", "figure4")

    jobs = once.jobs()

    assert twice.jobs() == jobs
    assert len(set(jobs)) == len(jobs) == 4
    for at, job in enumerate(jobs):
        assert set(job.needs.values()) <= set(jobs[:at])
    assert pickle.loads(pickle.dumps(once)) == once


def test_seeds_and_settings_replace_those_of_the_scale() -> None:
    changed = sweep(seeds=(3, 4), changes=(("learning.epochs", "7"),))
    runs = [job for job in changed.jobs() if job.kind == "run"]

    assert {job.recipe.seed for job in runs} == {3, 4}
    assert {job.recipe.learning.epochs for job in runs} == {7}
    assert {job.recipe.seed for job in sweep().jobs() if job.kind == "run"} == {0}


def test_a_store_knows_places_and_where_tensorboard_writes(tmp_path: Path) -> None:
    plain = sweep(store=str(tmp_path), places=(("cifar10", "/data"),)).open()

    assert (plain.path, plain.places, plain.track) == (tmp_path, {"cifar10": "/data"}, None)
    pytest.importorskip("tensorboard")
    assert sweep(store=str(tmp_path), track=True).open().track == tmp_path / "tensorboard"


def test_there_are_three_executors_and_at_least_one_worker() -> None:
    check_crew("slurm", 1)
    with pytest.raises(InputError, match="unknown executor 'sluurm'; did you mean 'slurm'"):
        check_crew("sluurm", 1)
    with pytest.raises(InputError, match="must be at least 1, got 0"):
        check_crew("here", 0)


def test_a_sweep_goes_to_the_executor_of_its_name_with_an_absolute_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    calls: list[tuple[str, Sweep, int, dict[str, Any]]] = []
    for name in ("here", "on_slurm", "on_ray"):
        monkeypatch.setattr(
            import_module("scratchticket.executors.execute"),
            f"run_{name}",
            lambda sweep, workers, *, name=name, **more: calls.append((name, sweep, workers, more)),
        )

    execute(sweep(), "here", 3, "cpu", {})
    execute(sweep(), "slurm", 2, "auto", {"partition": "a"})
    execute(sweep(), "ray", 1, "auto", {"address": "local"})

    assert [(name, workers) for name, _, workers, _ in calls] == [
        ("here", 3),
        ("on_slurm", 2),
        ("on_ray", 1),
    ]
    assert {one.store for _, one, _, _ in calls} == {str(tmp_path / "store")}
    assert [more["device"] for *_, more in calls] == ["cpu", "auto", "auto"]
    assert calls[1][3]["settings"] == {"partition": "a"}
    assert calls[2][3]["settings"] == {"address": "local"}
    with pytest.raises(InputError, match="--cluster is for Slurm and Ray"):
        execute(sweep(), "here", 1, "cpu", {"partition": "a"})


def test_workers_share_the_cores_or_take_turns_on_the_gpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    assert [threads_of_each(workers) for workers in (1, 2, 3, 7, 8)] == [7, 3, 2, 1, 1]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    shares = [_Here(sweep(), 3, "cuda")._share(number) for number in range(3)]

    assert shares == [("cuda:0", None), ("cuda:1", None), ("cuda:0", None)]
    assert _Here(sweep(), 3, "cpu")._share(2) == ("cpu", 2)


@pytest.mark.parametrize(
    ("code", "how"),
    [(0, "done"), (-9, "killed"), (STOPPED, "killed"), (FAILED, "broken"), (1, "broken")],
)
def test_how_a_process_ended_follows_from_its_code(code: int, how: str) -> None:
    @dataclass
    class Process:
        exitcode: int
        alive: bool = False

        def is_alive(self) -> bool:
            return self.alive

    ended = _Process(Process(code)).ended()  # type: ignore[arg-type]

    assert ended is not None
    assert ended.how == how
    assert _Process(Process(code, alive=True)).ended() is None  # type: ignore[arg-type]


def test_times_of_slurm_are_minutes_rounded_up() -> None:
    texts = ["90", "1:30:00", "30:59", "30:00", "1-0", "1-2:30", "1-2:30:01", "2-12:00:00"]

    assert [_minutes(text) for text in texts] == [90, 90, 31, 30, 1440, 1590, 1591, 3600]
    for wrong in ("", "soon", "1:2:3:4", "-1", "1-", "1.5", "x-1"):
        with pytest.raises(InputError, match="time must be minutes"):
            _minutes(wrong)


def test_settings_of_slurm_are_numbers_words_or_switches() -> None:
    assert [_value(text) for text in ("4", "4G", "true", "True", "gpu")] == [
        4,
        "4G",
        True,
        True,
        "gpu",
    ]


def test_the_complaint_of_a_command_is_its_last_line() -> None:
    said = "submitted\nsbatch: error: invalid partition\nTry 'sbatch --help'\n"

    assert _line(said) == "invalid partition"
    assert _line("sbatch: error: a\nsbatch: error: b") == "b"


def test_the_queue_is_asked_at_most_every_so_many_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, answers, asked = [100.0], ["1_0\n1_1\n", None, "1_1\n"], []

    def slurm_says(*command: str) -> str | None:
        asked.append(command[0])
        return answers.pop(0)

    monkeypatch.setattr(slurm, "_slurm", slurm_says)
    monkeypatch.setattr(slurm.time, "monotonic", lambda: now[0])
    queue = _Queue(polls=10)

    assert queue.has("1_0")
    assert not queue.has("2_0")
    queue.add(["2_0"])
    now[0] = 105.0
    assert queue.has("2_0")
    assert asked == ["squeue"]
    now[0] = 111.0
    assert queue.has("1_0")  # Slurm did not answer: what was known stays
    now[0] = 122.0
    assert not queue.has("1_0")
    assert queue.has("1_1")
    assert len(asked) == 3


def test_a_worker_on_ray_says_how_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(error: BaseException | None) -> Ended:
        def work(self: Sweep, device: str, threads: int) -> None:
            if error is not None:
                raise error

        monkeypatch.setattr(Sweep, "work", work)
        return on_ray._work(sweep(), "cpu", 1)

    assert end(None) == Ended("done")
    assert end(InputError("no store")) == Ended("broken", "no store")
    assert end(KeyboardInterrupt()) == Ended("killed")


def test_shares_of_a_ray_worker_are_numbers() -> None:
    assert on_ray._number("num_gpus", "0.5") == 0.5
    assert on_ray._number("memory", "1e9") == 1e9
    for wrong in ("-1", "inf", "nan", "two"):
        with pytest.raises(
            InputError, match=f"num_cpus must be a number, 0 or more, got '{wrong}'"
        ):
            on_ray._number("num_cpus", wrong)
    with pytest.raises(InputError, match="did you mean 'num_cpus'"):
        on_ray._number("num_cpu", "1")
