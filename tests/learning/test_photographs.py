"""Runs on photographs that stay encoded: from a folder or a table, alone or shared, resumed."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_processes import in_processes

import scratchticket as st
from scratchticket.base.errors import InputError, Interrupted
from scratchticket.base.processes import ALONE, Group
from scratchticket.learning import Session
from scratchticket.learning.batches import Batches
from scratchticket.runs.api import prepare_job
from scratchticket.runs.presets import PRESETS
from scratchticket.runs.recipe import Recipe, make_recipe
from scratchticket.runs.run import run
from scratchticket.tickets import Ticket
from scratchticket.tickets.draw import Finished

PLACES = "PHOTOGRAPHS_OF_THIS_TEST"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixty photographs of different sizes in two classes."""
    draws = np.random.default_rng(2)
    for number in range(60):
        photograph = draws.integers(0, 256, (*draws.integers(30, 60, 2), 3), dtype=np.uint8)
        path = tmp_path / "folder" / ("cat", "dog")[number // 30] / f"{number:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph).save(path)
    return tmp_path / "folder"


@pytest.fixture
def table(folder: Path, tmp_path: Path) -> Path:
    """The same as Parquet."""
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    files = sorted(folder.rglob("*.jpg"))
    rows = [{"bytes": file.read_bytes(), "path": None} for file in files]
    labels = [file.parent.name for file in files]
    (tmp_path / "table").mkdir()
    parquet.write_table(pa.table({"image": rows, "label": labels}), tmp_path / "table/0.parquet")
    return tmp_path / "table"


def recipe(place: Path, **more: Any) -> Recipe:
    """Return the preset for ImageNet, made small."""
    small = {
        "data.name": str(place),
        "data.size": 32,
        "data.validation": "1/8",
        "network.name": "imagenet_resnet18",
        "network.width": 2,
        "learning.epochs": 2,
        "learning.batch_size": 12,
        "evaluation.steps": 2,
    }
    return make_recipe(PRESETS["imagenet"] | small | more)


def shared(group: Group) -> None:
    """Carry out a run on each of two places."""
    for place in map(Path, os.environ[PLACES].split(os.pathsep)):
        run(recipe(place), place.with_name(f"run-{place.name}"), group=group)


def test_two_processes_get_the_same_from_a_folder_and_from_a_table(
    folder: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLACES, f"{folder}{os.pathsep}{table}")

    in_processes(2, shared)

    homes = [place.with_name(f"run-{place.name}") for place in (folder, table)]
    first, second = (json.loads((home / "record.json").read_text()) for home in homes)
    assert first["machine"]["processes"] == 2
    for kind, found in first["results"].items():
        assert found["natural"] == second["results"][kind]["natural"]
        for one, other in zip(found["attacks"], second["results"][kind]["attacks"], strict=True):
            assert one | {"seconds": 0} == other | {"seconds": 0}
    one, other = (Ticket.load(home / "ticket.safetensors") for home in homes)
    assert one.mask == other.mask
    for name, value in one.statistics.items():
        assert torch.equal(value, other.statistics[name])


def test_processes_share_the_batches_of_one(folder: Path) -> None:
    train, learning = st.load_data(recipe(folder).data).train, recipe(folder).learning
    groups = (ALONE, Group(0, 2), Group(1, 2))
    alone, first, second = (Batches(train, 7, learning, group) for group in groups)
    straight = Batches(train, 7, learning, ALONE).at(5)  # without those before it

    for step in range(2 * learning.steps_per_epoch(len(train))):
        whole, *parts = (batches.at(step) for batches in (alone, first, second))
        assert torch.equal(torch.cat([part.images for part in parts]), whole.images)
        assert torch.equal(torch.cat([part.labels for part in parts]), whole.labels)
        assert (whole.whole, parts[0].part, parts[1].part) == (12, slice(0, 6), slice(6, 12))
        if step == 5:
            assert torch.equal(whole.images, straight.images)


def finished(folder: Path, session: Session = Session()) -> Finished:
    settings = recipe(folder)
    return prepare_job(settings, st.load_data(settings.data), "cpu").run(session)


def test_a_stopped_run_goes_on_to_the_same_bits(folder: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    session = Session(
        tmp_path / "checkpoint.safetensors", observe=lambda event: seen.append(event.step)
    )
    with pytest.raises(Interrupted, match="stopped after step 2 of 6"):
        finished(folder, replace(session, stop=lambda: len(seen) == 2))

    resumed = finished(folder, session)

    assert seen == [1, 2, 3, 4, 5, 6]
    assert resumed.chosen.to_bytes() == finished(folder).chosen.to_bytes()


def test_a_bad_image_ends_the_run_by_its_name(folder: Path) -> None:
    settings = recipe(folder)
    job = prepare_job(settings, st.load_data(settings.data), "cpu")
    for path in folder.rglob("*.jpg"):
        path.write_bytes(path.read_bytes()[:150])

    with pytest.raises(InputError, match=r"folder/(cat|dog)/\d\d.jpg: not a readable image"):
        job.run()


def test_data_that_changed_is_other_data(folder: Path, tmp_path: Path) -> None:
    session = Session(tmp_path / "checkpoint.safetensors")
    finished(folder, session)
    for path in folder.rglob("*.jpg"):
        path.write_bytes(path.read_bytes() + b" ")

    with pytest.raises(InputError, match="the checkpoint belongs to a run with other settings"):
        finished(folder, session)
