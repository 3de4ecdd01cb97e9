"""What a run takes from files it starts from, and from the machine it is on."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import scratchticket as st
from scratchticket.base.errors import InputError
from scratchticket.data import DataRecipe
from scratchticket.runs import records
from scratchticket.runs.deterministic import deterministic
from scratchticket.runs.folder import RunFolder
from scratchticket.runs.recipe import (
    BesideRecipe,
    Recipe,
    StartRecipe,
    data_like,
    data_of,
)
from scratchticket.runs.records import commit, machine, measured_accuracies, usable_device
from scratchticket.runs.start import content_hash, load_beside, make_recipe_from_file
from scratchticket.tickets import save_tickets


@pytest.fixture
def two(ticket: st.Ticket, dense: st.Ticket, tmp_path: Path) -> Path:
    """A file of two tickets of one network."""
    other = replace(ticket, provenance={"made": "again"})
    save_tickets([ticket, other], tmp_path / "two.safetensors")
    return tmp_path / "two.safetensors"


def test_further_tickets_give_network_and_seed_unless_these_are_named(
    two: Path, ticket: st.Ticket
) -> None:
    files = {"beside.files": [str(two)]}

    taken = make_recipe_from_file(files)

    assert (taken.network, taken.seed) == (ticket.network, ticket.seed) == (taken.network, 5)
    first, second = taken.beside.sha256
    assert first == content_hash(ticket) != second
    assert make_recipe_from_file(files | {"seed": 7, "network.width": 2}).seed == 7
    assert make_recipe_from_file(files | {"network.width": 2}).network.width == 2
    assert [content_hash(one) for one in load_beside(taken.beside)] == [first, second]
    swapped = BesideRecipe((str(two),), (second, first))
    with pytest.raises(InputError, match="two.safetensors: the content has changed since"):
        load_beside(swapped)


def recipe(file: str, content: str | None, **more: Any) -> Recipe:
    return Recipe(task="train", start=StartRecipe(file=file, sha256=content), **more)


def test_a_file_counts_by_its_content_and_not_by_its_path(tmp_path: Path) -> None:
    here, there = recipe("here", "0" * 64), recipe("there", "0" * 64)
    home = RunFolder(tmp_path, "train")
    home.prepare(here, resume=False, overwrite=False)

    assert here.id == there.id != recipe("here", "1" * 64).id
    assert recipe("here", None).id != recipe("there", None).id
    home.prepare(there, resume=True, overwrite=False)
    with pytest.raises(InputError, match="the run was started with start.sha256=000"):
        home.prepare(recipe("here", "1" * 64), resume=True, overwrite=False)
    beside = [
        replace(
            here, task="draw", start=StartRecipe(), ratio=None, beside=BesideRecipe((f,), ("a",))
        )
        for f in ("x", "y")
    ]
    assert beside[0].id == beside[1].id
    RunFolder(tmp_path / "b", "draw").prepare(beside[0], resume=False, overwrite=False)
    RunFolder(tmp_path / "b", "draw").prepare(beside[1], resume=True, overwrite=False)


def prepared(ticket: st.Ticket, **data: Any) -> st.Ticket:
    """Return a ticket that says that it was drawn on data prepared in this way."""
    return replace(ticket, provenance={"recipe": {"data": data}})


def test_images_are_prepared_as_the_tickets_own_were(ticket: st.Ticket) -> None:
    own = prepared(ticket, name="mine", label_column="kind", size=8, colour="grey", train_images=9)

    same, other = data_like(own, "mine", None), data_like(own, "theirs", None)

    assert same == DataRecipe("mine", "kind", size=8, colour="grey", train_images=9)
    assert other == DataRecipe("theirs", size=8, colour="grey")  # all images of other data
    assert data_like(own, "mine", "sort").label_column == "sort"
    assert data_like(own, "mine", None, size=12, colour=None) == replace(same, size=12)
    assert data_like(prepared(ticket, name="mine", size=32), "mine", None).size is None
    assert data_like(None, "mine", None) == DataRecipe("mine")
    for unknown in (None, replace(ticket, provenance={}), prepared(ticket, size="wide")):
        assert data_of(unknown) is None


def test_a_device_is_there_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert usable_device("auto") == usable_device("cpu") == "cpu"
    with pytest.raises(InputError, match="no device 'gpu' here; use cpu, cuda or auto"):
        usable_device("gpu")
    if not torch.cuda.device_count():
        with pytest.raises(InputError, match="no device 'cuda' here; use cpu or auto"):
            usable_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert usable_device("auto") == "cuda"


def test_a_record_says_on_which_hardware_and_under_which_rules() -> None:
    facts = machine("cpu")

    assert facts["threads"] == torch.get_num_threads()
    assert facts["device"]
    assert "deterministic" not in facts
    with deterministic(True):
        assert machine("cpu") == {**facts, "deterministic": True}


def test_a_commit_says_whether_the_source_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"ls-files": "", "status": "", "rev-parse": "0123456789ab"}

    def git(command: list[str], **_: Any) -> Any:
        if (answer := answers[command[3]]) is None:
            raise subprocess.CalledProcessError(1, command)
        return subprocess.CompletedProcess(command, 0, answer + "\n")

    monkeypatch.setattr(records.subprocess, "run", git)

    assert commit() == "0123456789ab"
    answers["status"] = " M src/scratchticket/runs/run.py"
    assert commit() == "0123456789ab-dirty"
    answers["ls-files"] = None  # type: ignore[assignment]
    assert commit() is None


def test_without_an_attack_natural_accuracy_is_all_there_is(
    ticket: st.Ticket, few_digits: st.Data
) -> None:
    images = few_digits.test

    plain = measured_accuracies(ticket, images, st.AttackRecipe("none"), seed=0)
    attacked = measured_accuracies(ticket, images, st.AttackRecipe(epsilon=0.1, steps=2), seed=3)

    natural = st.natural_accuracy(ticket.build(), images)
    assert plain.attacks == ()
    assert plain.natural == attacked.natural
    assert (plain.natural.correct, plain.natural.total) == (natural.correct, 90)
    (row,) = attacked.attacks
    judge = st.AttackRecipe(epsilon=0.1, steps=2)
    assert row.correct == st.robust_accuracy(ticket.build(), images, judge, seed=3).correct
    assert (row.seed, row.epsilon, row.total) == (3, "0.1", 90)


def settings() -> tuple[Any, ...]:
    cudnn = torch.backends.cudnn
    strict = torch.are_deterministic_algorithms_enabled()
    return strict, cudnn.deterministic, cudnn.benchmark, os.environ.get("CUBLAS_WORKSPACE_CONFIG")


@pytest.mark.parametrize("workspace", [None, ":16:8"])
def test_deterministic_algorithms_are_used_inside_alone(
    monkeypatch: pytest.MonkeyPatch, workspace: str | None
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    if workspace:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", workspace)
    before = settings()

    with deterministic(False):
        assert settings() == before
    with deterministic(True):
        assert settings() == (True, True, False, workspace or ":4096:8")
    with pytest.raises(ZeroDivisionError), deterministic(True):
        1 / 0  # noqa: B018
    assert settings() == before


def test_what_has_no_deterministic_algorithm_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings()

    most, where = torch.nn.functional.max_pool2d(torch.rand(1, 1, 4, 4), 2, return_indices=True)
    with (
        pytest.raises(InputError, match="an attack uses max_unpooling2d_forward"),
        deterministic(True),
    ):
        torch.nn.functional.max_unpool2d(most, where, 2)
    with pytest.raises(RuntimeError, match="something else"), deterministic(True):
        raise RuntimeError("something else")
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":0:0")
    with pytest.raises(InputError, match="needs CUBLAS_WORKSPACE_CONFIG=:4096:8 or :16:8, got"):
        deterministic(True).__enter__()

    assert settings()[:3] == before[:3]
