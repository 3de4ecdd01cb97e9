"""``--deterministic``: the same bits twice, or one line that says what stands in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from test_cli import FAST, call

DRAW = ["draw", "--data", "digits", "--ratio", "0.3", *FAST]
UNPOOLS = """
from torch import nn
class Unpools(nn.Module):
    def forward(self, images):
        most, where = nn.functional.max_pool2d(images, 2, return_indices=True)
        return nn.functional.max_unpool2d(most, where, 2)
def unpools(*, classes, image_shape):
    return nn.Sequential(Unpools(), nn.Flatten(), nn.Linear(64, classes))
"""


def settings() -> tuple[bool, bool, bool]:
    cudnn = torch.backends.cudnn
    return torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, cudnn.benchmark


def test_the_same_command_gives_the_same_bits_and_its_record_says_so(tmp_path: Path) -> None:
    before, tickets = settings(), []
    for name, more in (("a", ["--deterministic"]), ("b", ["--deterministic"]), ("c", [])):
        code, _, errors = call(*DRAW, "--out", tmp_path / name, *more)
        assert code == 0, errors
        record = json.loads((tmp_path / name / "record.json").read_text())
        assert record["machine"].get("deterministic", False) == bool(more)
        tickets.append((tmp_path / name / "ticket.safetensors").read_bytes())

    assert tickets[0] == tickets[1]
    assert tickets[0] == tickets[2]  # on a CPU it changes nothing
    assert settings() == before
    words = ["evaluate", tmp_path / "a" / "ticket.safetensors", "--data", "digits", "--steps", "1"]
    words += ["--out", tmp_path / "judged"]
    code, text, errors = call(*words, "--deterministic", "--json")
    assert code == 0, errors
    assert json.loads(text)["machine"]["deterministic"] is True
    code, _, errors = call(*words)
    assert code == 2
    assert "belongs to another evaluation" in errors  # its pieces were found under other rules


@pytest.mark.slow  # threads that wait for each other's cores are slow
def test_several_threads_give_the_same_bits_too(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "scratchticket", *DRAW, "--deterministic"]
    several = os.environ | {"OMP_NUM_THREADS": "2"}
    for name in ("a", "b"):
        subprocess.run([*words, "--out", str(tmp_path / name)], env=several, check=True)

    records = [json.loads((tmp_path / name / "record.json").read_text()) for name in ("a", "b")]
    assert [record["machine"]["threads"] for record in records] == [min(2, os.cpu_count() or 1)] * 2
    one, other = ((tmp_path / name / "ticket.safetensors").read_bytes() for name in ("a", "b"))
    assert one == other


def test_an_operation_that_has_no_deterministic_version_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unpooling.py").write_text(UNPOOLS)
    monkeypatch.chdir(tmp_path)
    words = ["--data", "digits", "--network", "unpooling:unpools", "--epochs", "1", "--steps", "1"]
    words += ["--batch-size", "256", "--quiet"]
    before = settings()

    for verb in ("draw", "train"):
        code, _, errors = call(verb, *words, "--out", tmp_path / verb, "--deterministic")

        assert code == 2
        assert "an attack uses max_unpooling2d_forward_out" in errors
        assert len(errors.splitlines()) == 1
    assert settings() == before
    assert call("draw", *words, "--out", tmp_path / "draw", "--overwrite")[0] == 0
    ticket = tmp_path / "draw" / "ticket.safetensors"
    words = ["--data", "digits", "--network", "unpooling:unpools", "--deterministic"]
    code, _, errors = call("evaluate", ticket, *words)
    assert code == 2
    assert "an attack uses max_unpooling2d_forward_out" in errors


def test_an_environment_that_forbids_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":0:0")

    code, _, errors = call(*DRAW, "--out", tmp_path / "run", "--deterministic")

    assert code == 2
    assert "--deterministic needs CUBLAS_WORKSPACE_CONFIG=:4096:8 or :16:8" in errors
    assert not (tmp_path / "run").exists()


def test_a_run_is_deterministic_from_its_first_step_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: object, **settings: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("scratchticket.runs.run.measured_accuracies", full)
        assert call(*DRAW, "--out", tmp_path)[0] == 2

    code, _, errors = call(*DRAW, "--out", tmp_path, "--resume", "--deterministic")

    assert code == 2
    assert "belongs to a run with other settings" in errors
    assert call(*DRAW, "--out", tmp_path, "--resume")[0] == 0
