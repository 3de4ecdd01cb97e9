"""TensorBoard sees every epoch once, though the run was interrupted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from scratchticket.base.errors import InputError, Interrupted
from scratchticket.learning import Event
from scratchticket.runs.recipe import make_recipe
from scratchticket.runs.run import run

RECIPE = make_recipe(
    {
        "network.width": 2,
        "ratio": 0.3,
        "attack.epsilon": 0.1,
        "attack.steps": 1,
        "learning.epochs": 3,
        "learning.batch_size": 256,
        "evaluation.steps": 2,
    }
)


def stop_in_epoch_two(event: Event) -> None:
    if len(event.epochs) == 1:
        raise Interrupted


def test_every_epoch_is_there_once(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder, track = tmp_path / "run", tmp_path / "tensorboard"

    with pytest.raises(Interrupted):
        run(RECIPE, folder, observe=stop_in_epoch_two, track=track)
    run(RECIPE, folder, resume=True, track=track)

    read = accumulator.EventAccumulator(str(track)).Reload()
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    losses = read.Scalars("loss")
    assert [scalar.step for scalar in losses] == [1, 2, 3]
    assert [scalar.value for scalar in losses] == pytest.approx([line["loss"] for line in log])
    counts = [line["validation"]["robust"] for line in log]
    robust = [count["correct"] / count["total"] for count in counts]
    scalars = read.Scalars("validation/robust")
    assert [scalar.value for scalar in scalars] == pytest.approx(robust)


def test_without_tensorboard_a_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)

    with pytest.raises(InputError, match=r"scratchticket\[track\]"):
        run(RECIPE, tmp_path / "run", track=tmp_path / "tensorboard")
