"""Made-up records, short or with numbers that all differ, and recipes filled with numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from itertools import count
from typing import Any

from scratchticket.attacks import Attack, Stage
from scratchticket.attacks.autoattack import STAGES
from scratchticket.base.record import (
    AttackRow,
    BestMember,
    Counts,
    EvaluationRecord,
    FeaturesRecord,
    Game,
    Matrix,
    Member,
    MembersExpectation,
    Record,
    Result,
    Results,
    RunRecord,
    SwitchCase,
    SwitchRecord,
    SwitchReport,
    SwitchRow,
    TransferRecord,
    Weights,
    WorstCase,
)
from scratchticket.evaluation import Balls
from scratchticket.evaluation.transfer import SWITCH, SourcedAttack
from scratchticket.paper import PaperRecipe, Scale
from scratchticket.paper.cells import Cell, Measured, level, natural
from scratchticket.paper.claims import Claim, Place
from scratchticket.paper.paper import Shape
from scratchticket.paper.report import Found, Records
from scratchticket.paper.report.found import Filled
from scratchticket.sweeps import Job
from scratchticket.sweeps.job import DENSE
from scratchticket.sweeps.perform import attacks_in
from scratchticket.switching.suites import switch_suite, transfer_suite

IMAGES = 10_007  # a prime, so that steps of any length meet every number below it
WHOLE = (0.0, 1.0)


@cache
def record_of(job: Job) -> Record:
    """Return a record of a job; other jobs have other numbers."""
    numbers = ((int(job.id[:8], 16) + 37 * index) % IMAGES for index in count())
    made = {"machine": {"device": "cpu"}}
    if job.kind == "run":
        return _run(job, numbers).model_copy(update=made)
    epsilons = tuple(job.settings.get("epsilons", ("8/255",)))
    where = Balls("linf", epsilons, tuple(job.settings.get("l2", ())), "1")
    if job.kind == "judge":
        return _evaluation(attacks_in(job.settings, where, 10), where, numbers)
    if job.kind == "features":
        distances = {name: {e: next(numbers) / 1e4 for e in epsilons} for name in job.needs}
        return FeaturesRecord(distances=distances)
    members = [name for name in job.needs if name != DENSE]
    if job.kind == "transfer":
        return TransferRecord(
            networks=tuple(members),
            natural={name: next(numbers) for name in members},
            total=IMAGES,
            matrices=_matrices(transfer_suite(members, where), members, numbers),
        )
    suite = job.settings["suite"]
    game = Game(epsilon="0", probabilities=(), value=0, rounds=(), answered=False)
    dense = _switch(switch_suite(suite, [DENSE], where, 10), [DENSE], where, numbers)
    own = _switch(switch_suite(suite, members, where, 10), members, where, numbers)
    return SwitchRecord(**dict(own), game=game, dense=dense)


def records_of(jobs: Iterable[Job]) -> Records:
    """Return made-up records of some jobs."""
    return Records(
        {
            job.id: {
                "job": {**job.json(), "label": job.label},
                "seconds": 3.0,
                "record": record_of(job),
            }
            for job in jobs
        }
    )


def run_record(task: str = "draw", correct: int = 100, *, natural: int | None = None) -> RunRecord:
    """Return a short record of a run; of 360 test images so many are right under attack."""
    under_attack = {"correct": correct, "total": 360, "interval": WHOLE}
    attack = AttackRow(title="pgd-20", name="pgd", norm="linf", epsilon="0.1", **under_attack)
    unattacked = under_attack | {"correct": correct if natural is None else natural}
    result = Result(epoch=1, natural=Counts(**unattacked), attacks=(attack,))
    return RunRecord(
        format=1,
        recipe={"task": task},
        selected="best",
        results=Results(best=result, last=result),
        weights=Weights(kept=50_000, total=100_000),
        bytes=0,
    )


def counts(numbers: Iterator[int]) -> dict[str, Any]:
    return {"correct": next(numbers), "total": IMAGES, "interval": WHOLE}


def facts(attack: Attack) -> dict[str, Any]:
    """Return an attack as it is read from a file."""
    return dict(json.loads(json.dumps(attack.facts())))


def _run(job: Job, numbers: Iterator[int]) -> RunRecord:
    recipe = job.recipe
    attack = facts(recipe.evaluation.attack(recipe.attack))
    best, last = (
        Result(
            epoch=epoch,
            natural=Counts(**counts(numbers)),
            attacks=(AttackRow(**attack, **counts(numbers)),),
        )
        for epoch in (1, 2)
    )
    return RunRecord(
        recipe=recipe.json(),
        selected="best",
        results=Results(best=best, last=last),
        weights=Weights(kept=next(numbers), total=IMAGES),
        bytes=next(numbers),
    )


def _evaluation(
    attacks: Iterable[Attack], where: Balls, numbers: Iterator[int]
) -> EvaluationRecord:
    rows = {}
    for attack in attacks:
        own = facts(attack)
        if isinstance(attack.method, Stage):
            own["name"] = "autoattack"
            own["title"] = f"autoattack, {attack.norm}, {attack.epsilon}"
            own["settings"] = {stage: asdict(Stage(stage)) for stage in STAGES}
        rows[own["title"]] = own
    balls = [("linf", epsilon) for epsilon in where.epsilons]
    balls += [("l2", epsilon) for epsilon in where.l2]
    return EvaluationRecord(
        natural=Counts(**counts(numbers)),
        attacks=tuple(AttackRow(**own, **counts(numbers)) for own in rows.values()),
        worst_cases=tuple(WorstCase(norm=n, epsilon=e, **counts(numbers)) for n, e in balls),
        warning_signs=(),
    )


def _matrices(
    attacks: Iterable[SourcedAttack], members: list[str], numbers: Iterator[int]
) -> tuple[Matrix, ...]:
    """Return the matrix of every attack on each single network."""
    own = {str(a.attack): a.attack for a in attacks if a.source in members}
    return tuple(
        Matrix(
            **facts(attack),
            stops=False,
            total=IMAGES,
            rows={row: {column: next(numbers) for column in members} for row in members},
            mean=next(numbers) / IMAGES,
            diagonal=0,
            off_diagonal=None,
            by_source={},
            best_source=0,
        )
        for attack in own.values()
    )


def _switch(
    attacks: tuple[SourcedAttack, ...], members: list[str], where: Balls, numbers: Iterator[int]
) -> SwitchReport:
    def expected() -> dict[str, Any]:
        own = {"expected": next(numbers) / IMAGES, "total": IMAGES, "interval": WHOLE}
        return own | {"all_right": Counts(**counts(numbers)), "each": {}}

    return SwitchReport(
        members=tuple(Member(name=name, probability=1 / len(members)) for name in members),
        natural=MembersExpectation(**expected()),
        attacks=tuple(
            SwitchRow(
                **facts(sourced.attack),
                **expected(),
                source=sourced.source,
                seconds=0,
                claimed=Counts(**counts(numbers)) if sourced.source == SWITCH else None,
            )
            for sourced in attacks
        ),
        protocol=_matrices(attacks, members, numbers),
        worst_cases=(
            cases := tuple(
                SwitchCase(
                    norm="linf",
                    epsilon=epsilon,
                    **expected(),
                    tries={},
                    best_member=BestMember(name=members[0], **counts(numbers)),
                    bound=0,
                    gain="",
                    strikes=1,
                    gain_over_dense="",
                )
                for epsilon in where.epsilons
            )
        ),
        worst_case=cases[0],
    )


def found_of(
    recipe: PaperRecipe, scale: Scale, values: Mapping[Place, Sequence[float]], images: int = 1000
) -> Found:
    """Return what was found for a recipe of which the numbers at some places are known, by seed.

    Args:
        recipe: The recipe; its cells are those of ``scale``.
        scale: The scale.
        values: Fractions by panel, row and column; the cells at other places have no number.
        images: Number of images.
    """
    cells = {(c.panel, c.row, c.column): c for c in recipe.cells(scale)}
    assert values.keys() <= cells.keys()
    numbers = {
        place: [Measured(value, images, seed) for seed, value in enumerate(values.get(place, ()))]
        for place in cells
    }
    return Found(
        recipe,
        scale,
        tuple(Filled(cell, tuple(numbers[place])) for place, cell in cells.items()),
        tuple(
            claim.judged({place: own for place, own in numbers.items() if own})
            for claim in recipe.claims
        ),
    )


def recipe_of(
    places: Iterable[Place],
    shape: Shape = "table",
    claims: tuple[Claim, ...] = (),
    name: str = "made-up",
) -> PaperRecipe:
    """Return a recipe with a number at some places, each from an evaluation of its own."""
    known = tuple(places)

    def cells(scale: Scale) -> Iterator[Cell]:
        """What is measured?

        Reproduces  nothing.
        """
        for place in known:

            def evaluation(seed: int, place: Place = place) -> Job:
                attacks = [{"name": "pgd"}]
                settings = {"place": list(place), "seed": seed, "attacks": attacks}
                return Job("judge", settings, label=" ".join(place))

            panel, row, column = place
            yield level(scale, panel, row, evaluation, natural, column=column)

    return PaperRecipe(name, shape, cells, claims)
