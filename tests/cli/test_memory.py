"""Memory that runs out is a line that says how much less would fit, and code 2."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from scratchticket.learning.batches import Batch
from scratchticket.learning.loop import _Run
from test_cli import call
from test_faults import DRAW, done, drawn, litter, refused, same_ticket

assert drawn  # a fixture

ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    MemoryError(),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 7 bytes."),
]
LIMITED = """
import re, resource, sys
import torch
from scratchticket.__main__ import main
from pathlib import Path
now = int(re.search(r"VmSize:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (now + (900 << 20), now + (900 << 20)))
main()
"""


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_batch_that_is_too_large(
    tmp_path: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    attack = _Run._attacked

    def full(self: _Run, batch: Batch, *words: Any) -> torch.Tensor:
        if len(batch.images) > 100 and self.state.step == 2:
            raise error
        return attack(self, batch, *words)

    with monkeypatch.context() as patch:
        patch.setattr("scratchticket.learning.loop.FIRST_SAVE", 0.0)  # each step is saved
        patch.setattr("scratchticket.learning.loop.SAVING_SHARE", float("inf"))
        patch.setattr(_Run, "_attacked", full)
        said = refused(*DRAW, "--out", tmp_path / "run")

    assert said == (
        "error: out of memory in step 3 with 256 images at a time; there is room for 64 "
        "(learning.batch_size of a new run)\n"
    )
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()
    assert not litter(tmp_path / "run")
    done(*DRAW, "--out", tmp_path / "run", "--resume")  # when there is more
    assert same_ticket(drawn, tmp_path / "run")


def test_not_even_two_images_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*words: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(_Run, "_attacked", full)

    said = refused(*DRAW, "--out", tmp_path)

    assert said.endswith("in step 1 with 256 images at a time; fewer do not fit either\n")


def test_a_batch_that_is_too_large_for_an_attack(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: object) -> None:
        raise torch.OutOfMemoryError

    ticket = drawn / "ticket.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr("scratchticket.evaluation.engine.attack_batch", full)
        said = refused("evaluate", ticket, "--data", "digits", "--steps", "1", "--quiet")

    assert said == (
        "error: out of memory in pgd-1, linf, 0.1 with 1024 images at a time; there is room for "
        "512 (--batch-size of evaluate)\n"
    )


def test_anywhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*words: object) -> None:
        raise MemoryError("Unable to allocate 80.0 GiB")

    monkeypatch.setattr("scratchticket.runs.run.load_data", full)

    said = refused(*DRAW, "--out", tmp_path)

    assert said == "error: out of memory: Unable to allocate 80.0 GiB\n"


def test_another_error_stays_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(_Run, "_attacked", broken)

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        call(*DRAW, "--out", tmp_path)


@pytest.mark.slow
def test_under_a_limit_of_the_system_the_batch_size_told_fits(tmp_path: Path) -> None:
    words = ["draw", "--data", "digits", "--set", "data.size=32", "--width", "16", "--epochs", "1"]
    words += ["--attack", "fgsm", "--set", "evaluation.steps=1", "--quiet"]

    def limited(size: int) -> subprocess.CompletedProcess[str]:
        own = [*words, "--batch-size", str(size), "--out", str(tmp_path / str(size))]
        command = [sys.executable, "-c", LIMITED, *own]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    failed = limited(1024)
    assert failed.returncode == 2, failed.stderr
    found = re.fullmatch(
        r"error: out of memory in step 1 with 1024 images at a time; there is room for (\d+) "
        r"\(learning.batch_size of a new run\)\n",
        failed.stderr,
    )
    assert found is not None, failed.stderr
    fitting = limited(int(found[1]))
    assert fitting.returncode == 0, fitting.stderr
    record = json.loads((tmp_path / found[1] / "record.json").read_text())
    assert record["recipe"]["learning"]["batch_size"] == int(found[1])
