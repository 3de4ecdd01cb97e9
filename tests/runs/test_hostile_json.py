"""Every JSON file that is read, changed at random: one line, or numbers that can be shown."""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

import scratchticket as st
from changed_json import changed_document
from scratchticket.attacks import PGD, Attack
from scratchticket.base.errors import OtherEvaluation, ScratchticketError
from scratchticket.base.record import EvaluationRecord, read_as, to_json
from scratchticket.cli.evaluate import _print
from scratchticket.cli.terminal import result_table
from scratchticket.evaluation import Evaluation, Journal, balls, report
from scratchticket.judging import adversarial
from scratchticket.judging.subject import Subject
from scratchticket.paper import SCALES, paper_recipe
from scratchticket.paper.report import Records, found, page, section
from scratchticket.runs import lease
from scratchticket.runs.folder import RunFolder, json_file
from scratchticket.runs.recipe import make_recipe
from scratchticket.runs.run import run
from scratchticket.sweeps import Store

FEW = int(os.environ.get("FUZZ_JSON", "40"))  # changes of each kind of file, in the fast tier
MANY = 25 * FEW  # in the slow one
CONTROLS = {*range(9), *range(11, 32), *range(127, 160)}
KINDS = ["record", "recipe", "records", "journal", "evaluation", "adversarial", "store", "lease"]


class Linear(nn.Module):
    """Five pixels' differences as logits."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(64)[:10])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) @ self.weight.T


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, few_digits: st.Data) -> RunFolder:
    """Return the folder of a run of a second."""
    folder = tmp_path_factory.mktemp("hostile") / "run"
    settings = {"network.width": 2, "learning.epochs": 1, "attack.steps": 1, "evaluation.steps": 1}
    run(make_recipe(settings), folder, data=few_digits)
    return RunFolder(folder, "draw")


@pytest.fixture(scope="module")
def readers(  # noqa: PLR0915
    finished: RunFolder, few_digits: st.Data, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[str, Callable[[bytes], None]]]:
    """Return a valid document of each kind, and what reads and shows it."""
    home = tmp_path_factory.mktemp("readers")
    record, recipe = finished.record.read_text(), finished.recipe.read_text()

    def read_record(content: bytes) -> None:
        finished.record.write_bytes(content)
        if (read := finished.finished()) is not None:
            shown(result_table({"ticket": read}))
            assert str(read.results.last.natural)

    def read_recipe(content: bytes) -> None:
        finished.recipe.write_bytes(content)
        finished.check_same(make_recipe({"seed": 1}))

    job = next(iter(paper_recipe("figure8").jobs(SCALES["quick"])))
    line = {
        "id": job.id,
        "job": job.json() | {"label": "a run"},
        "seconds": 1.5,
        "record": json.loads(record),
    }

    def read_records(content: bytes) -> None:
        (home / "records.jsonl").write_bytes(content.replace(b"\n", b" "))
        known = Records.load(home / "records.jsonl")
        one = found(paper_recipe("figure8"), SCALES["quick"], known)
        text = page(SCALES["quick"], [one], known) + section(one)
        assert "<script>" not in text.replace("<script>\n", "", 1)
        assert not CONTROLS & set(map(ord, text))

    network, images = Linear().eval(), few_digits.test[slice(0, 20)]
    where = balls("0.1", "linf", few_digits.shape)

    def judged(journal: Journal) -> EvaluationRecord:
        evaluation = Evaluation(
            network, images, [Attack(PGD(2), "0.1")], batch_size=10, checks=True
        )
        evaluation.run(journal)
        result = evaluation.result(journal)
        assert result is not None
        return report(result, where, subject={}, data={})

    path = home / "journal.jsonl"
    whole = Journal({"seed": 0}, path)
    evaluated = judged(whole)
    whole.close()
    lines = path.read_text().splitlines()

    def read_journal(content: bytes) -> None:
        number = len(content) % len(lines)
        one = changed_document(lines[number], random.Random(content)).replace(b"\n", b" ")
        rest = [text.encode() for text in lines]
        path.write_bytes(b"\n".join([*rest[:number], one, *rest[number + 1 :], b""]))
        judged(Journal({"seed": 0}, others=[path]))

    def read_evaluation(content: bytes) -> None:
        path = home / "evaluation.json"
        path.write_bytes(content)
        _print("title", read_as(EvaluationRecord, json_file(path), path))

    subject = Subject(network, {"file": "net"})
    made = adversarial.attacked_images(subject, images, Attack(PGD(2), "0.1"), data=few_digits)

    def read_adversarial(content: bytes) -> None:
        file = home / "made.npz"
        columns = {name: getattr(made, name).numpy() for name in adversarial.COLUMNS}
        np.savez(file, facts=np.array(content.decode("utf-8", "replace")), **columns)
        read = adversarial.load(file)
        _print("title", adversarial.score(read, subject))

    store = Store(home / "store")

    def read_store(content: bytes) -> None:
        store.folder(job).mkdir(parents=True, exist_ok=True)
        store.ticket(job).write_bytes(b"")
        for name in ("record.json", "failure.json", "progress", "seconds"):
            (store.folder(job) / name).write_bytes(content)
        known = Records.of(store, [job])
        page(SCALES["quick"], [found(paper_recipe("figure8"), SCALES["quick"], known)], known)
        assert store.failure(job) is None or store.state(job) == "failed"
        assert 0 <= store.progress(job) <= 1

    def read_lease(content: bytes) -> None:
        folder = home / "leased"
        folder.mkdir(exist_ok=True)
        (folder / "lease-1").write_bytes(content)
        lease.held(folder)

    facts = {"format": adversarial.FORMAT} | to_json(made.metadata)
    return {
        "record": (record, read_record),
        "recipe": (recipe, read_recipe),
        "records": (json.dumps(line), read_records),
        "journal": (json.dumps(to_json(evaluated)), read_journal),
        "evaluation": (json.dumps(to_json(evaluated)), read_evaluation),
        "adversarial": (json.dumps(facts), read_adversarial),
        "store": (json.dumps(line["record"]), read_store),
        "lease": (json.dumps({"token": "x", "host": lease._host(), "pid": 1}), read_lease),
    }


def shown(table: object) -> None:
    Console(file=io.StringIO()).print(table)


def change(kind: str, readers: dict[str, Any], count: int, seed: int) -> None:
    """Change a document so many times; count how often that is refused."""
    document, read = readers[kind]
    dice, refused = random.Random(f"{kind} {seed}"), 0
    for _ in range(count):
        content = changed_document(document, dice)
        try:
            read(content)
        except ScratchticketError as error:
            refused += 1
            assert len(str(error).splitlines()) == 1
    assert refused or kind in {"store", "lease"}  # a damaged record counts as none


@pytest.mark.parametrize("kind", KINDS)
def test_hundreds_of_changed_files(kind: str, readers: dict[str, Any]) -> None:
    change(kind, readers, FEW, seed=1)


def test_another_plan_is_told_of_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"plan": {"seed": "\\n"}}\n')

    with pytest.raises(OtherEvaluation, match=r"with seed \\n instead of 0"):
        Journal({"seed": 0}, others=[path])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_changed_files(kind: str, readers: dict[str, Any]) -> None:
    change(kind, readers, MANY, seed=2)
