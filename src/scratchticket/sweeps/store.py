"""A store: a folder with one subfolder per job, named by the job's id."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from scratchticket.base.errors import InputError, Unwritable
from scratchticket.base.files import write_atomically
from scratchticket.base.record import Record, RunRecord, read_record
from scratchticket.data import Data, DataRecipe, load_data
from scratchticket.learning.checkpoint import discard
from scratchticket.runs import lease
from scratchticket.runs.folder import RunFolder, json_file
from scratchticket.sweeps.job import Job

State = Literal["finished", "running", "failed", "begun", "new"]
FOREVER = 1e10  # seconds; a stored number at or above it counts as damaged
_JOB = re.compile("[0-9a-f]{16}")  # the name of a job's folder
_REMOVED = ".removed-"  # prefix of a folder that is being removed
DEATHS = 5  # number of dead processes after which a job counts as failed


def record_in(folder: Path) -> Record | None:
    """Return the record in a job's folder; None if it or its ticket is missing or incomplete.

    Raises:
        InputError: If the record is damaged or of another version.
    """
    path = folder / "record.json"
    if not path.exists():
        return None
    stored = json_file(path)
    if stored.get("format") != 1:
        raise InputError(
            f"{path} has format {stored.get('format')!r}, this version reads 1; "
            "remove its folder to run the job again"
        )
    try:
        record = read_record(stored, path)
    except InputError as error:
        raise InputError(f"{error}; remove its folder to run the job again") from None
    if isinstance(record, RunRecord) and not RunFolder(folder, record.task).whole(stored):
        return None
    return record


def job_folders(store: Path) -> list[Path]:
    """Return the folders of all jobs in a store."""
    if not store.is_dir():
        return []
    described = {path.parent for path in store.glob("*/job.json")}
    return sorted(p for p in store.iterdir() if p in described or _JOB.fullmatch(p.name))


@dataclass(frozen=True)
class Store:
    """The jobs of sweeps and their state, in a folder.

    A job is finished when its record exists, which is written last and atomically.

    Attributes:
        path: Folder, created at the first write.
        places: Paths of local copies of named data sets; not part of a job's id.
        track: Folder for TensorBoard's files, with a subfolder per run; if None, no such files
            are written.
    """

    path: Path
    places: Mapping[str, str] = field(default_factory=dict)
    track: Path | None = None

    def folder(self, job: Job) -> Path:
        """Return the folder of a job."""
        return self.path / job.id[:16]

    def ticket(self, job: Job) -> Path:
        """Return the path of a run's ticket file, which may not exist yet."""
        return RunFolder(self.folder(job), job.recipe.task).ticket

    def record(self, job: Job) -> Record | None:
        """Return the record of a job; None if the job is not finished.

        Raises:
            InputError: If the record is damaged or of another version.
        """
        return record_in(self.folder(job))

    def state(self, job: Job) -> State:
        """Return the state of a job; with an unusable record or folder, it is ``failed``."""
        folder = self.folder(job)
        if not (folder.exists() or folder.is_symlink()):
            return "new"
        settled = self._settled(job)
        if settled is not None:
            return settled
        if lease.held(folder):
            return "running"
        return "begun" if any(folder.iterdir()) else "new"

    def take(self, job: Job) -> lease.Lease | None:
        """Take a job's lease; None if another worker holds it, or the job is finished or failed.

        Raises:
            InputError: If the store cannot be written.
        """
        if self._unusable(job) is not None:
            return None
        taken = lease.take(self.folder(job))
        if taken is None:
            return None
        try:
            if taken.number > DEATHS:
                self.fail(
                    job, f"{DEATHS} processes died on this job without an error: out of memory?"
                )
            if self._settled(job) is None:
                described = json.dumps({**job.json(), "label": job.label}, indent=2) + "\n"
                write_atomically(self.folder(job) / "job.json", described)
                return taken
        except BaseException:
            taken.release()
            raise
        taken.release()
        return None

    def tidy(self, job: Job) -> None:
        """Remove a finished job's checkpoint, in case its process was killed before removing it."""
        if job.kind == "run":
            discard(RunFolder(self.folder(job), job.recipe.task).checkpoint)

    def fail(self, job: Job, why: str, details: str = "") -> None:
        """Record that a job failed, and why."""
        failure = {"error": why, "details": details}
        write_atomically(self._failure(job), json.dumps(failure, indent=2) + "\n")

    def failure(self, job: Job) -> str | None:
        """Return why a job failed; None if it did not."""
        try:
            if self.record(job) is not None:
                return None
            if (why := self._unusable(job)) is not None or not self._failure(job).exists():
                return why
            return str(json_file(self._failure(job)).get("error"))
        except InputError as error:
            return str(error)
        except OSError as error:
            return f"cannot use folder {self.folder(job)}: {error.strerror}"

    def retry(self, jobs: Iterable[Job]) -> None:
        """Delete the recorded failures of jobs, so that workers resume them.

        Raises:
            Unwritable: If the store cannot be written.
        """
        for job in jobs:
            try:
                self._failure(job).unlink(missing_ok=True)
            except (IsADirectoryError, NotADirectoryError, PermissionError):
                continue  # this job stays failed; the others are retried
            except OSError as error:
                raise Unwritable(f"cannot use store {self.path}: {error.strerror}") from None

    def save_progress(self, job: Job, fraction: float) -> None:
        """Save the fraction of a job that is done; a failure to write is ignored."""
        with suppress(OSError):
            self._write(job, "progress", f"{fraction:.4f}")

    def progress(self, job: Job) -> float:
        """Return the saved fraction of a job that is done; 0 if none is saved."""
        return min(1.0, self._number(job, "progress"))

    def add_seconds(self, job: Job, seconds: float) -> None:
        """Add to the time spent on a job; a failure to write is ignored."""
        with suppress(OSError):
            self._write(job, "seconds", f"{self.seconds_spent(job) + seconds:.1f}")

    def seconds_spent(self, job: Job) -> float:
        """Return the seconds spent on a job by all processes; 0 if none are saved."""
        return self._number(job, "seconds")

    def _write(self, job: Job, name: str, text: str) -> None:
        """Write a small file, not atomically, since its loss does no harm; never follow a link."""
        if not (path := self.folder(job) / name).is_symlink():
            path.write_text(text)

    def _number(self, job: Job, name: str) -> float:
        """Return the number in a small file; 0 if the file is missing or damaged."""
        try:
            number = float((self.folder(job) / name).read_text())
            return number if 0 <= number < FOREVER else 0.0
        except (OSError, ValueError):
            return 0.0

    def data(self, recipe: DataRecipe) -> Data:
        """Return a data set, read from its local copy if there is one.

        Raises:
            InputError: If the data set cannot be loaded.
        """
        return load_data(recipe, place=self.places.get(recipe.name))

    def clean(self, tell: Callable[[str], None] = lambda line: None) -> list[Path]:
        """Remove the folders of jobs that are neither finished nor running.

        Args:
            tell: Called with the reason why a folder could not be removed.

        Returns:
            The removed folders.
        """
        for waste in self.path.glob(f"{_REMOVED}*"):  # an earlier removal was interrupted
            if not waste.is_symlink():
                shutil.rmtree(waste)
        removed = []
        for folder in job_folders(self.path):
            if folder.is_symlink():
                continue  # a link may lead out of the store
            try:
                if _cleaned(folder):
                    removed.append(folder)
            except Unwritable as error:
                tell(f"not removed: {error}")
            except OSError as error:
                tell(f"not removed: {folder}: {error.strerror}")
        return removed

    def _failure(self, job: Job) -> Path:
        return self.folder(job) / "failure.json"

    def _unusable(self, job: Job) -> str | None:
        """Return why the folder of a job cannot be used; None if it can."""
        folder = self.folder(job)
        if folder.is_symlink():
            return f"{folder} is a link and may lead out of the store; remove it"
        if not folder.exists():
            return None
        if not folder.is_dir():
            return f"{folder} is not a folder; remove it"
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return f"folder {folder} cannot be read or written: change its permissions"
        return None

    def _settled(self, job: Job) -> Literal["finished", "failed"] | None:
        """Return whether a job is finished or has failed; None if it is neither."""
        try:
            if self.record(job) is not None:
                return "finished"
            failed = self._unusable(job) is not None or self._failure(job).exists()
        except (InputError, OSError):
            failed = True
        return "failed" if failed else None


def _cleaned(folder: Path) -> bool:
    """Remove a job's folder unless finished or running; return whether it was removed."""
    if (taken := lease.take(folder)) is None:
        return False
    try:
        if (folder / "record.json").exists():
            for name in ("progress", "failure.json"):
                (folder / name).unlink(missing_ok=True)
            return False
        waste = folder.with_name(f"{_REMOVED}{folder.name}")
        folder.rename(waste)  # other workers see a new job from now on
    finally:
        taken.release()
    shutil.rmtree(waste)
    return True
