"""A run leaves its files, refuses to lose any, and its record can be believed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import scratchticket as st
from scratchticket.attacks import PGD
from scratchticket.base.accuracy import Accuracy
from scratchticket.base.errors import InputError, Interrupted
from scratchticket.base.record import to_json
from scratchticket.learning import Event, Watch
from scratchticket.runs.folder import RunFolder
from scratchticket.runs.recipe import make_recipe
from scratchticket.runs.records import measured_accuracies
from scratchticket.runs.run import run

SETTINGS = {
    "network.width": 2,
    "ratio": 0.3,
    "attack.epsilon": 0.1,
    "attack.steps": 1,
    "learning.epochs": 2,
    "learning.batch_size": 256,
    "evaluation.steps": 2,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("run") / "drawn"
    run(make_recipe(SETTINGS), folder)
    return folder


def test_a_run_leaves_its_files_and_no_checkpoint(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}

    assert names == {
        "ticket.safetensors",
        "record.json",
        "recipe.json",
        "log.jsonl",
        "curves.svg",
        "examples.svg",
    }
    for picture in finished.glob("*.svg"):
        assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    log = [json.loads(line) for line in (finished / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in log] == [1, 2]


def test_the_record_agrees_with_the_ticket(finished: Path, digits: st.Data) -> None:
    record = json.loads((finished / "record.json").read_text())
    ticket = st.Ticket.load(finished / "ticket.safetensors")
    chosen = record["results"][record["selected"]]
    attack = chosen["attacks"][0]

    natural = st.natural_accuracy(ticket.build(), digits.test)
    assert (natural.correct, natural.total) == (
        chosen["natural"]["correct"],
        chosen["natural"]["total"],
    )
    judge = st.Attack(PGD(**attack["settings"]), attack["epsilon"])
    result = measured_accuracies(ticket, digits.test, judge, seed=attack["seed"])
    assert result.attacks[0].correct == attack["correct"]
    assert record["weights"] == {"kept": ticket.mask.kept, "total": ticket.mask.total}
    assert record["bytes"] == (finished / "ticket.safetensors").stat().st_size
    assert record["id"] == make_recipe(SETTINGS).id
    assert ticket.provenance["results"]["natural"] == chosen["natural"]


def test_the_same_recipe_gives_the_same_ticket_file(finished: Path, tmp_path: Path) -> None:
    run(make_recipe(SETTINGS), tmp_path)

    for name in ("ticket.safetensors", "curves.svg", "examples.svg"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes(), name


def test_a_folder_that_holds_a_run_is_not_touched(finished: Path) -> None:
    before = {path: path.read_bytes() for path in finished.iterdir()}

    with pytest.raises(InputError, match="already holds a run; use --resume"):
        run(make_recipe(SETTINGS), finished)
    with pytest.raises(InputError, match=r"started with ratio=0.3, now it is 0.4"):
        run(make_recipe(SETTINGS | {"ratio": 0.4}), finished, resume=True)

    assert {path: path.read_bytes() for path in finished.iterdir()} == before


def test_resuming_a_finished_run_returns_its_record(finished: Path) -> None:
    record = run(make_recipe(SETTINGS), finished, resume=True)

    assert to_json(record) == json.loads((finished / "record.json").read_text())


@pytest.mark.parametrize("missing", ["ticket.safetensors", "record.json"])
def test_a_run_without_its_ticket_or_record_is_not_finished(
    finished: Path, tmp_path: Path, missing: str
) -> None:
    for path in finished.iterdir():
        if path.name != missing:
            (tmp_path / path.name).write_bytes(path.read_bytes())

    run(make_recipe(SETTINGS), tmp_path, resume=True)

    ours, theirs = (f / "ticket.safetensors" for f in (tmp_path, finished))
    assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize("content", [None, "{}", "[1]", "{", '{"task": "draw"}'])
def test_a_run_whose_recipe_is_damaged_is_not_resumed(
    finished: Path, tmp_path: Path, content: str | None
) -> None:
    (tmp_path / "record.json").write_bytes((finished / "record.json").read_bytes())
    if content is not None:
        (tmp_path / "recipe.json").write_text(content)

    with pytest.raises(InputError, match="cannot resume: .*use --overwrite or another --out"):
        run(make_recipe(SETTINGS), tmp_path, resume=True)


def test_a_run_of_another_task_says_so(finished: Path) -> None:
    with pytest.raises(InputError, match="started with task=draw, now it is train"):
        run(make_recipe({**SETTINGS, "task": "train", "ratio": None}), finished, resume=True)


@pytest.mark.parametrize("asked", ["bfloat16", "float32"])
def test_a_later_setting_that_differs_is_named(tmp_path: Path, asked: str) -> None:
    """``float32``, the default, is not written down."""
    other = {"bfloat16": "float32", "float32": "bfloat16"}[asked]
    first = make_recipe(SETTINGS | {"learning.precision": asked})
    RunFolder(tmp_path, "draw").prepare(first, resume=False, overwrite=False)

    with pytest.raises(InputError, match=f"started with learning.precision={asked}, now it is"):
        run(make_recipe(SETTINGS | {"learning.precision": other}), tmp_path, resume=True)


def test_overwriting_replaces_the_run(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    for path in finished.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())

    record = run(make_recipe(SETTINGS | {"task": "train", "ratio": 1}), folder, overwrite=True)

    assert record.task == "train"
    assert (folder / "network.safetensors").exists()
    assert not (folder / "ticket.safetensors").exists()
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_resuming_ends_with_the_same_ticket(
    finished: Path, tmp_path: Path, number: signal.Signals
) -> None:
    def interrupt(event: Event) -> None:
        if event.step == 3:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match="after step 3 of 8"):
        run(make_recipe(SETTINGS), tmp_path, observe=interrupt)
    assert signal.getsignal(number) is before
    assert RunFolder(tmp_path, "draw").checkpoint.exists()

    run(make_recipe(SETTINGS), tmp_path, resume=True)

    ours, theirs = (f / "ticket.safetensors" for f in (tmp_path, finished))
    assert ours.read_bytes() == theirs.read_bytes()


def test_resuming_where_nothing_is_starts_afresh(tmp_path: Path) -> None:
    record = run(make_recipe(SETTINGS | {"learning.epochs": 1}), tmp_path / "new", resume=True)

    assert record.results.last.epoch == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(InputError, match="cannot use folder"):
        run(make_recipe(SETTINGS), tmp_path / "file" / "run")


def test_catastrophic_overfitting_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collapse = iter([(90, 20), (90, 100), (0, 180), (0, 180)])

    def watcher(*arguments: object) -> Callable[[object], Watch]:
        def watch(network: object) -> Watch:
            pgd, fgsm = next(collapse)
            return Watch(fgsm=Accuracy(fgsm, 180), pgd=Accuracy(pgd, 180))

        return watch

    monkeypatch.setattr("scratchticket.runs.api.watcher", watcher)
    settings = {"network.width": 2, "attack.name": "fgsm", "attack.epsilon": "0.1"}
    recipe = make_recipe(settings | {"learning.epochs": 4, "learning.batch_size": 256})

    record = run(recipe, tmp_path)

    (warning,) = record.warnings
    assert warning.startswith("catastrophic overfitting in epoch 3")


def test_one_step_attacks_are_watched_with_fgsm(tmp_path: Path) -> None:
    settings = {"network.width": 2, "attack.epsilon": "0.1", "learning.epochs": 1}
    for name, watched in (("fgsm-rs", True), ("pgd", False)):
        recipe = make_recipe(settings | {"attack.name": name, "attack.steps": 2})
        run(recipe, tmp_path / name)
        line = json.loads((tmp_path / name / "log.jsonl").read_text().splitlines()[0])
        assert (line["watch"] is not None) == watched
