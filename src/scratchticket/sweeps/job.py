"""A job: one unit of a sweep, identified by the settings that determine its result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from hashlib import sha256
from typing import Any, Literal, get_args

from scratchticket.base.errors import unknown
from scratchticket.base.files import canonical_json
from scratchticket.base.typed import changed
from scratchticket.data import DataRecipe
from scratchticket.runs.recipe import Recipe, make_recipe

Kind = Literal["run", "judge", "transfer", "switch", "features"]
START, BESIDE, DENSE = "start", "beside", "dense"  # roles of a needed job's ticket
Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Job:
    """A unit of work, done once even if several sweeps contain it.

    Jobs with the same :attr:`id`, which would give the same result, are equal.

    Attributes:
        kind: ``run`` draws or trains a ticket; ``judge`` attacks one; ``transfer`` and ``switch``
            attack several; ``features`` measures how far noise moves a layer's features.
        settings: For a run, values by dotted path as for :func:`make_recipe`, but no paths of
            files, which ``needs`` replaces; for other kinds, JSON values, see :mod:`.perform`.
        needs: Jobs whose tickets this job uses, by role: ``start`` and ``beside NAME`` for a run,
            the name of a network for other kinds.
        label: Display name; not part of the id.
    """

    kind: Kind
    settings: Mapping[str, Any]
    needs: Mapping[str, Job] = field(default_factory=dict)
    label: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise unknown("kind of job", self.kind, get_args(Kind))

    @cached_property
    def id(self) -> str:
        """SHA-256 of the canonical JSON of the resolved settings, in hexadecimal."""
        return sha256(canonical_json(self.json()).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def json(self) -> Json:
        """Return kind, the settings that are not the default, and the ids of the needed jobs.

        A run that starts from another job has that job's network, except for settings given here.
        """
        settings = {name: value for name, value in self.settings.items() if value is not None}
        if self.kind == "run":
            settings = json.loads(_described(self._settings))
        return {
            "format": 1,
            "kind": self.kind,
            "settings": settings,
            "needs": {role: job.id for role, job in self.needs.items()},
        }

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe of a run, as far as known before the needed jobs are done."""
        return _recipe(self._settings)

    @cached_property
    def _settings(self) -> str:
        """Settings of a run, including its start, as JSON."""
        start = {"start.sha256": self.needs[START].id} if START in self.needs else {}
        return canonical_json({**self.settings, **start})

    @property
    def data(self) -> DataRecipe:
        """The data of a run; for other jobs, the data of the first job they need."""
        return self.recipe.data if self.kind == "run" else next(iter(self.needs.values())).data

    def chain(self) -> Iterator[Job]:
        """Yield all jobs needed, directly or indirectly, in order of dependency; this job last."""
        seen: set[Job] = set()

        def walk(job: Job) -> Iterator[Job]:
            for need in job.needs.values():
                yield from walk(need)
            if job not in seen:
                seen.add(job)
                yield job

        yield from walk(self)


@cache
def _recipe(settings: str) -> Recipe:
    """Return the recipe for settings in JSON; cached, since tables and figures share jobs."""
    return make_recipe(json.loads(settings))


@cache
def _described(settings: str) -> str:
    """Return the settings of a recipe that are not the default, as JSON."""
    return canonical_json(changed(_recipe(settings).placeless()))


def in_order(jobs: Iterator[Job] | list[Job]) -> list[Job]:
    """Return jobs and all the jobs they need, each once, in order of dependency."""
    return list(dict.fromkeys(step for job in jobs for step in job.chain()))
