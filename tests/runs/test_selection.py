"""Nothing is selected on test images: they change the results of a run, and only these."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import scratchticket as st
from scratchticket.base.record import to_json
from scratchticket.runs.api import WATCHED, prepare_job, validator, watcher
from scratchticket.runs.recipe import make_recipe
from scratchticket.runs.run import run

SETTINGS = {
    "network.width": 2,
    "attack.epsilon": "0.1",
    "learning.epochs": 3,
    "learning.batch_size": 128,
    "evaluation.steps": 2,
}


def other_test_images(data: st.Data) -> st.Data:
    """Return the same data with fewer test images, of other digits under other labels."""
    fewer = data.test[slice(0, 50)]
    images = replace(fewer, images=fewer.images.flip(-1), labels=9 - fewer.labels)
    return replace(data, test=images)


def finished(folder: Path, data: st.Data, task: str, **settings: Any) -> dict[str, Any]:
    """Return the record of a run, with its log and what its ticket is made of."""
    recipe = make_recipe(SETTINGS | {"task": task} | settings)
    record = run(recipe, folder, data=data)
    lines = (folder / "log.jsonl").read_text().splitlines()
    log = [{**json.loads(line), "seconds": 0} for line in lines]
    (path,) = folder.glob("*.safetensors")
    ticket = replace(st.Ticket.load(path), provenance={})
    return to_json(record) | {"log": log, "ticket": ticket.to_bytes()}


@pytest.mark.parametrize(
    ("task", "attack", "ratio", "select"),
    [("draw", "fgsm-rs", 0.3, "best"), ("train", "pgd", None, "last")],
)
def test_other_test_images_leave_the_ticket_and_the_log_as_they_are(
    few_digits: st.Data, tmp_path: Path, task: str, attack: str, ratio: float | None, select: str
) -> None:
    chosen = {"attack.name": attack, "ratio": ratio, "learning.select": select}
    parts = (few_digits, other_test_images(few_digits))

    first, second = (
        finished(tmp_path / str(len(data.test)), data, task, **chosen) for data in parts
    )

    assert first["log"] == second["log"]
    assert first["ticket"] == second["ticket"]
    for kind, results in first["results"].items():
        assert results["epoch"] == second["results"][kind]["epoch"]
        for record, total in ((first, 90), (second, 50)):
            judged = record["results"][kind]
            assert judged["natural"]["total"] == judged["attacks"][0]["total"] == total
    assert first["results"] != second["results"]


def test_epochs_are_judged_on_all_validation_images_and_under_the_judge(
    few_digits: st.Data,
) -> None:
    network = st.networks.build("resnet18", classes=10, channels=1, width=4).eval()
    labels = network(few_digits.validation.images / 255).argmax(dim=1)
    labels[::3] = (labels[::3] + 1) % 10  # of 60 the network is right about 40
    images = replace(few_digits.validation, labels=labels)
    data = replace(few_digits, validation=images)
    judge, inner = st.AttackRecipe("pgd", "0.01", 10), st.AttackRecipe("fgsm-rs", "0.004")

    judged = validator(data, judge, seed=4)(network)
    watched = watcher(data, inner, seed=4)(network)

    assert judged.natural == st.Accuracy(40, 60)
    assert judged.robust == st.robust_accuracy(network, images, judge, seed=4)
    fgsm, pgd = st.AttackRecipe("fgsm", "0.004"), st.AttackRecipe("pgd", "0.004", 5)
    assert watched.fgsm == st.robust_accuracy(network, images, fgsm, seed=4)
    assert watched.pgd == st.robust_accuracy(network, images, pgd, seed=4)
    assert judged.robust.correct < watched.fgsm.correct < 40
    settings = {"network.width": 2, "attack.name": "fgsm-rs", "attack.epsilon": "0.004", "seed": 4}
    recipe = make_recipe(settings | {"evaluation.epsilon": "0.01", "evaluation.steps": 10})
    task = prepare_job(recipe, data, "cpu").task
    assert task.validate(network) == judged
    assert task.watch is not None
    assert task.watch(network) == watched


def test_only_some_validation_images_are_watched(few_digits: st.Data) -> None:
    many = few_digits.validation[torch.arange(WATCHED + 1) % len(few_digits.validation)]
    network = st.networks.build("resnet18", classes=10, channels=1, width=2).eval()

    watched = watcher(replace(few_digits, validation=many), st.AttackRecipe(), seed=0)(network)

    assert watched.fgsm.total == watched.pgd.total == WATCHED
