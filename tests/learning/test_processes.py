"""Several processes do what one does: the same steps and counts, without deadlock."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp
from torch import nn

import scratchticket as st
from patience import PATIENCE
from scratchticket.base.errors import InputError, ReportedElsewhere, ScratchticketError
from scratchticket.base.processes import ALONE, Group, joined, own_device
from scratchticket.learning import LearningRecipe, Session
from scratchticket.runs.api import prepare_job
from scratchticket.runs.recipe import make_recipe
from scratchticket.tickets import drawing
from scratchticket.tickets.draw import Task

ATTACK = st.AttackRecipe(epsilon=0.1, steps=2)


def plain(classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
    """Return a network without batch norm."""
    channels = image_shape[0]
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 36, classes, bias=False),
    )


def in_processes(size: int, work: Callable[[Group], Any]) -> list[Any]:
    """Let processes do something together; return what each returned."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    results = mp.get_context("spawn").SimpleQueue()
    mp.spawn(_process, (size, port, work, results), nprocs=size)
    return [value for _, value in sorted(results.get() for _ in range(size))]


def _process(rank: int, size: int, port: int, work: Callable[[Group], Any], results: Any) -> None:
    torch.set_num_threads(1)
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "RANK": str(rank),
        "WORLD_SIZE": str(size),
        "TORCHELASTIC_RUN_ID": "test",
    }
    with joined("cpu") as group:
        results.put((rank, work(group)))
    if (tasks := Path("/proc/self/task")).exists():  # or Python may abort as it ends
        names = [(task / "comm").read_text().strip() for task in tasks.iterdir()]
        assert not [name for name in names if "gloo" in name], names


def first_step(group: Group) -> dict[str, Any]:
    """Return how far each score moves in the first step, as numbers."""
    data = st.load_data("digits")
    st.networks.import_factory(f"{__name__}:plain")
    network = st.NetworkRecipe(f"{__name__}:plain")
    learning = LearningRecipe(epochs=1, batch_size=1000, momentum=0.0, weight_decay=0.0)
    few = replace(data, train=data.train[slice(0, 101)])  # an odd number
    validated = st.learning.Validation(st.Accuracy(1, 1), st.Accuracy(1, 1))
    job = drawing(Task(few, network, ATTACK, learning, lambda _: validated, seed=1), 0.3)
    before = {name: tensor.detach().clone() for name, tensor in job.learner.tensors().items()}
    job.run(Session(group=group))
    return {
        name: (tensor.detach() - before[name]).numpy()
        for name, tensor in job.learner.tensors().items()
    }


def test_the_first_step_is_that_of_one_process_where_there_is_no_batch_norm() -> None:
    alone = first_step(ALONE)

    first, second = in_processes(2, first_step)

    for name, moved in alone.items():
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)
        scale = abs(moved).max()
        assert scale > 0
        assert abs(first[name] - moved).max() < 1e-5 * scale


def counts(group: Group) -> tuple[int, int]:
    """Return natural and robust counts of a random network on many images."""
    test = st.load_data("digits").test
    network = st.networks.build("resnet18", classes=10, channels=1, width=4, seed=3).eval()
    many = st.ImageSet(test.images.repeat(3, 1, 1, 1), test.labels.repeat(3))
    judge = st.AttackRecipe(epsilon="0.02", steps=2)
    return (
        st.natural_accuracy(network, many, group=group).correct,
        st.robust_accuracy(network, many, judge, seed=5, group=group).correct,
    )


def test_counts_are_those_of_one_process() -> None:
    alone = counts(ALONE)

    assert in_processes(3, counts) == [alone] * 3
    assert alone[0] > alone[1]


def talk(group: Group) -> tuple[object, ...]:
    tensor = torch.tensor([1.0, 3.0]) * (group.rank + 1)
    whole = torch.tensor(5)
    group.average([tensor, whole])
    led = group.run_on_first(lambda: group.rank)
    return (
        tensor.tolist(),
        int(whole),
        int(group.total(torch.tensor(group.rank))),
        group.any(group.rank == 1),
        group.any(False),
        group.gathered(group.rank),
        led,
    )


def test_processes_average_and_gather() -> None:
    assert in_processes(2, talk) == [([1.5, 4.5], 5, 1, True, False, [0, 1], 0)] * 2


def fail(group: Group) -> str:
    def work() -> None:
        raise InputError("no such thing")

    try:
        group.run_on_first(work)
    except ScratchticketError as error:
        return type(error).__name__
    return "nothing"


def test_an_error_of_the_first_process_is_raised_in_all() -> None:
    assert in_processes(2, fail) == ["InputError", "ReportedElsewhere"]
    assert issubclass(ReportedElsewhere, ScratchticketError)


def test_parts_are_even_and_whole() -> None:
    for count in (7, 64):
        parts = [Group(rank, 3).part(count) for rank in range(3)]
        assert [i for part in parts for i in range(count)[part]] == list(range(count))
        assert max(p.stop - p.start for p in parts) - min(p.stop - p.start for p in parts) <= 1


def test_each_process_has_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert own_device("cuda") == "cuda:1"
    assert own_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match=r"more processes than GPUs \(1\)"):
        own_device("cuda")


SETTINGS = "--data digits --width 4 --ratio 0.3 --epsilon 0.1 --steps 2 --batch-size 128"
DRAW = ["-m", "scratchticket", "draw", *SETTINGS.split(" ")]
TOGETHER = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *DRAW]


def ranks(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    told = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(word) for word in told.read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_a_killed_process_ends_the_run_and_one_can_go_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = [*TOGETHER, "--epochs", "20", "--out", str(out)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=one_thread)
    deadline = time.monotonic() + PATIENCE
    while not (out / "checkpoint.safetensors").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(ranks(run.pid)[1], signal.SIGKILL)
    _, said = run.communicate(timeout=PATIENCE)

    assert run.returncode != 0
    assert "another process of this run has ended" in said
    assert said.count("start the same command again with --resume") == 1
    words = [sys.executable, *DRAW, "--epochs", "20", "--out", str(out), "--resume"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=one_thread)
    assert done.returncode == 0, done.stderr
    assert (out / "record.json").exists()


def test_too_small_batches_are_refused(few_digits: st.Data) -> None:
    two = Group(0, 2)
    settings = {"attack.epsilon": "0.1", "learning.batch_size": 3}

    with pytest.raises(InputError, match="a batch of 3 images is too small for 2 processes"):
        prepare_job(make_recipe(settings), few_digits, "cpu", group=two)
    settings["learning.batch_size"] = 85  # 256 images leave one, which is not used
    prepare_job(make_recipe(settings), few_digits, "cpu", group=two)
    with pytest.raises(InputError, match="a batch of 1 images"):
        prepare_job(
            make_recipe(settings | {"learning.last_batch": True}), few_digits, "cpu", group=two
        )


def resumed(group: Group) -> str:
    """Go on from checkpoints that only the first process sees."""
    data, (first, second) = st.load_data("digits"), _FOLDERS
    recipe = LearningRecipe(epochs=2, batch_size=1000)
    validated = st.learning.Validation(st.Accuracy(1, 1), st.Accuracy(1, 1))
    task = Task(data, st.NetworkRecipe(width=2), ATTACK, recipe, lambda _: validated)
    path = Path(os.environ[first if group.leads else second]) / "checkpoint.safetensors"
    try:
        drawing(task, 0.3).run(Session(path, group=group))
    except InputError as error:
        return str(error)
    return "nothing"


_FOLDERS = "FOLDER_OF_THE_FIRST", "FOLDER_OF_THE_OTHERS"


def test_processes_that_see_different_folders_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in _FOLDERS:
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    assert in_processes(2, resumed) == ["nothing"] * 2  # both begin

    said = in_processes(2, resumed)

    assert said == ["the processes see different checkpoints; they must share one folder"] * 2
