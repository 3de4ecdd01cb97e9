"""The folder of a run: its files, and when they may be replaced."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from scratchticket.base.errors import InputError, Unwritable
from scratchticket.base.files import (
    MAX_JSON,
    check_writable,
    parsed_json,
    read_bytes,
    write_atomically,
)
from scratchticket.base.record import RunRecord, read_as
from scratchticket.learning.checkpoint import Damaged, previous
from scratchticket.runs.recipe import Recipe, all_settings


@dataclass(frozen=True)
class RunFolder:
    """The files of a run.

    Attributes:
        path: The folder.
        task: ``draw`` or ``train``; decides what the ticket file is called.
    """

    path: Path
    task: str

    @property
    def ticket(self) -> Path:
        """The ticket, or a dense network in the same format."""
        return self.path / ("ticket.safetensors" if self.task == "draw" else "network.safetensors")

    @property
    def record(self) -> Path:
        """The record, written when the run is finished."""
        return self.path / "record.json"

    @property
    def recipe(self) -> Path:
        """The recipe, written at the start."""
        return self.path / "recipe.json"

    @property
    def log(self) -> Path:
        """One JSON line per epoch."""
        return self.path / "log.jsonl"

    @property
    def checkpoint(self) -> Path:
        """The checkpoint of an interrupted run; removed at the end."""
        return self.path / "checkpoint.safetensors"

    @property
    def curves(self) -> Path:
        """Plot of loss and accuracies over the epochs."""
        return self.path / "curves.svg"

    @property
    def examples(self) -> Path:
        """Pictures of clean and attacked images."""
        return self.path / "examples.svg"

    def files(self) -> list[Path]:
        """Return every file that a run may leave, in the order of removal.

        The record is removed first and the recipe last, so that an interrupted removal leaves an
        unfinished run, never one that seems finished.
        """
        tickets = [self.path / f"{name}.safetensors" for name in ("ticket", "network")]
        pictures = [self.curves, self.examples]
        checkpoints = [self.checkpoint, previous(self.checkpoint)]
        return [self.record, *checkpoints, *tickets, self.log, *pictures, self.recipe]

    def prepare(self, recipe: Recipe, *, resume: bool, overwrite: bool) -> None:
        """Prepare the folder for a run of this recipe.

        Raises:
            InputError: If the folder holds a run and neither ``resume`` nor ``overwrite`` is set,
                the run to resume has another recipe, or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            present = [file for file in self.files() if file.exists()]
            if present and not (resume or overwrite):
                raise InputError(
                    f"{self.path} already holds a run; use --resume to continue it, "
                    "--overwrite to replace it, or another --out"
                )
            if present and resume:
                self.check_same(recipe)
                check_writable(self.recipe)
                return
            for file in present:
                file.unlink()
        except OSError as error:
            raise Unwritable(f"cannot use folder {self.path}: {error.strerror}") from None
        write_atomically(self.recipe, json.dumps(recipe.json(), indent=2) + "\n")

    def check_same(self, recipe: Recipe) -> None:
        """Refuse a recipe that differs from the stored one.

        Raises:
            Damaged: If the stored recipe is missing or damaged.
            InputError: If the recipes differ (the message names the first difference), or the
                stored one cannot be read.
        """
        advice = "use --overwrite or another --out"
        try:
            old = all_settings(json_file(self.recipe))
        except InputError as error:
            lost = isinstance(error, Damaged) or not self.recipe.exists()
            raise (Damaged if lost else InputError)(f"cannot resume: {error}; {advice}") from None
        new = all_settings(recipe.json())
        if old.keys() != new.keys():
            raise Damaged(
                f"cannot resume: {self.recipe} is damaged, or from a version with other settings; "
                f"{advice}"
            )
        moved = {"start.file"} if recipe.start.sha256 is not None else set()
        if recipe.beside.sha256:
            moved.add("beside.files")  # the content of a file matters, not its path
        for path, value in new.items():  # in the recipe's order, the task first
            if old[path] != value and path not in moved:
                raise InputError(
                    f"cannot resume: the run was started with {path}={_short(old[path])}, "
                    f"now it is {_short(value)}; {advice}"
                )

    def finished(self) -> RunRecord | None:
        """Return the record if the run is finished and its ticket file is complete, else None.

        Raises:
            InputError: If the record is damaged.
        """
        if not self.record.exists() or not self.whole(stored := json_file(self.record)):
            return None
        return read_as(RunRecord, stored, self.record)

    def whole(self, stored: dict[str, Any]) -> bool:
        """Return whether the ticket file exists and has the size that a record states."""
        return self.ticket.exists() and self.ticket.stat().st_size == stored.get("bytes")


def json_file(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        Damaged: If the content is not a JSON object.
        InputError: If the file cannot be read.
    """
    content = read_bytes(path, "file", MAX_JSON)
    try:
        value = parsed_json(content)
    except ValueError as error:
        raise Damaged(f"{path} is damaged: not JSON ({error})") from None
    if not isinstance(value, dict):
        raise Damaged(f"{path} is damaged: not a JSON object")
    return value


def _short(value: object) -> str:
    """Return a value as short text."""
    return shorten(str(value), 80, placeholder="...")
