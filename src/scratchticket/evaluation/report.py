"""The record of an evaluation from the results of its attacks: counts, intervals, worst cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TypedDict

import torch
from torch import Tensor

from scratchticket.attacks import Stage
from scratchticket.attacks.autoattack import STAGES
from scratchticket.base.accuracy import Accuracy
from scratchticket.base.quantities import fraction
from scratchticket.base.record import AttackRow, Counts, EvaluationRecord, Json, Sign, WorstCase
from scratchticket.evaluation.outcome import EvaluationResult, Outcome
from scratchticket.evaluation.signs import checks
from scratchticket.evaluation.suites import Balls

AUTOATTACK = "autoattack"


class _Cost(TypedDict):
    seconds: float
    queries: int


def counts(accuracy: Accuracy) -> Counts:
    """Return an accuracy as a record stores it: two counts and the 95 % interval."""
    low, high = (round(bound, 6) for bound in accuracy.interval())
    return Counts(correct=accuracy.correct, total=accuracy.total, interval=(low, high))


def report(
    evaluated: EvaluationResult,
    where: Balls,
    classes: int | None = None,
    *,
    subject: Json,
    data: Json,
) -> EvaluationRecord:
    """Return the record of an evaluation, without plan, machine, versions and date.

    Args:
        evaluated: Results of the attacks.
        where: The balls of the suite.
        classes: Number of classes, for the chance level.
        subject: The network, as JSON values.
        data: Origin of the images, as JSON values.
    """
    seen = checks(evaluated, where.epsilons[0], where.norm, where.everything, classes)
    radii = dict.fromkeys((where.norm, epsilon) for epsilon in where.epsilons)
    radii |= dict.fromkeys(("l2", epsilon) for epsilon in where.euclidean)
    judged = (_worst(evaluated, norm, epsilon) for norm, epsilon in radii)
    worst = tuple(case for case in judged if case is not None)
    return EvaluationRecord(
        format=1,
        kind="evaluation",
        subject=subject,
        data=data,
        natural=counts(evaluated.natural),
        attacks=tuple(_rows(evaluated, where)),
        worst_case=worst[0] if worst else None,
        worst_cases=worst,
        checks=tuple(seen),
        warning_signs=tuple(
            Sign(name=check.name, text=check.text) for check in seen if check.verdict == "warning"
        ),
    )


def _rows(evaluated: EvaluationResult, where: Balls) -> list[AttackRow]:
    """Return the rows of all attacks.

    Each attack has one row, with two exceptions: the attacks of AutoAttack share one, and a
    minimum-norm attack has one per radius.
    """
    rows: list[AttackRow] = []
    before = {name for outcome in evaluated.outcomes for name in outcome.attack.after}

    def group(outcome: Outcome) -> tuple[str, ...]:
        attack = outcome.attack
        if isinstance(attack.method, Stage) and (attack.after or attack.stream in before):
            return (AUTOATTACK, attack.norm, str(attack.epsilon))
        return (str(attack),)  # a single attack of AutoAttack is not AutoAttack

    for key, members in groupby(evaluated.outcomes, group):
        outcomes = list(members)
        if key[0] == AUTOATTACK:
            rows.append(_autoattack(evaluated, outcomes))
        elif outcomes[0].attack.method.nearest:
            rows += [_nearest(evaluated, outcomes[0], e) for e in (*where.euclidean, None)]
        else:
            rows.append(_row(evaluated, outcomes[0]))
    return rows


def _row(evaluated: EvaluationResult, outcome: Outcome) -> AttackRow:
    """Return the row of one attack."""
    median: Json = {}
    if outcome.queries is not None and outcome.fooled.any():
        median = {"median_queries": int(outcome.queries[outcome.fooled].median())}
    accuracy = counts(evaluated.robust(outcome))
    return AttackRow(**outcome.attack.facts(), **dict(accuracy), **_cost([outcome]), **median)


def _cost(outcomes: list[Outcome]) -> _Cost:
    """Return the cost of attacks: seconds, and forward passes."""
    return {
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 3),
        "queries": sum(outcome.forwards for outcome in outcomes),
    }


def _autoattack(evaluated: EvaluationResult, outcomes: list[Outcome]) -> AttackRow:
    """Return the row of AutoAttack: the accuracy after its four attacks in sequence."""
    left, stages = evaluated.right, []
    for outcome in outcomes:
        left = left & ~outcome.fooled
        stages.append(
            {"title": outcome.attack.label, "correct": int(left.sum()), **_cost([outcome])}
        )
    accuracy = counts(Accuracy(int(left.sum()), len(left)))
    methods: list[Stage] = [s.attack.method for s in outcomes]  # type: ignore[misc]
    first = outcomes[0].attack
    return AttackRow(
        title=f"{_of_stages(methods)}, {first.norm}, {first.epsilon}",
        name=AUTOATTACK,
        norm=first.norm,
        epsilon=first.epsilon,
        settings={method.stage: asdict(method) for method in methods},
        stages=tuple(stages),
        **dict(accuracy),
        **_cost(outcomes),
    )


def _of_stages(methods: Sequence[Stage]) -> str:
    """Return the title of AutoAttack's row, which names missing attacks and unusual budgets."""
    missing = [name for name in STAGES if name not in {method.stage for method in methods}]
    notes = [f"without {' and '.join(missing)}"] if missing else []
    climbing = [method for method in methods if not method.black_box]
    if len({method.steps for method in climbing}) == 1:
        notes += [f"steps {steps}" for steps in {climbing[0].steps} - {Stage.steps}]
    else:
        notes += [f"{m.stage} {m.steps} steps" for m in climbing if m.steps != Stage.steps]
    blind = {method.queries for method in methods if method.black_box}
    notes += [f"queries {queries}" for queries in sorted(blind - {Stage.queries})]
    return f"{AUTOATTACK} ({'; '.join(notes)})" if notes else AUTOATTACK


def autoattacked(row: AttackRow, norm: str, epsilon: str) -> bool:
    """Whether a row of a record was made by the complete standard AutoAttack."""
    usual = {name: asdict(Stage(name)) for name in STAGES}
    where = row.name, row.norm, row.epsilon
    return where == (AUTOATTACK, norm, epsilon) and row.settings == usual


def _nearest(evaluated: EvaluationResult, outcome: Outcome, epsilon: str | None) -> AttackRow:
    """Return the row of a minimum-norm attack, scored at one radius."""
    within = torch.inf if epsilon is None else float(fraction(epsilon, "epsilon"))
    fooled = outcome.fooled & (outcome.distance <= within)
    accuracy = counts(Accuracy(int((evaluated.right & ~fooled).sum()), len(fooled)))
    facts = outcome.attack.facts() | {"epsilon": epsilon}
    facts["title"] += ", any distance" if epsilon is None else f", {epsilon}"
    median = _median(outcome.distance[outcome.tried])
    return AttackRow(**facts, median_distance=median, **dict(accuracy), **_cost([outcome]))


def _median(distances: Tensor) -> float | None:
    """Return the median distance; None if it is infinite."""
    if len(distances) == 0 or not bool(torch.isfinite(middle := distances.median())):
        return None
    return round(float(middle), 6)


def _worst(evaluated: EvaluationResult, norm: str, epsilon: str) -> WorstCase | None:
    """Return the worst-case accuracy in a ball, with the worst attack chosen for each image.

    Attacks in smaller balls count too. None if no attack was in exactly this ball or of minimum
    norm, since the result would only repeat the worst case of a smaller ball.
    """
    radius, fooled, titles = fraction(epsilon, "epsilon"), torch.zeros_like(evaluated.right), []
    searched = False
    for outcome in evaluated.outcomes:
        attack = outcome.attack
        if attack.norm != norm:
            continue
        if attack.epsilon is None:
            fooled = fooled | (outcome.distance <= float(radius))
            searched = True
        elif (own := fraction(attack.epsilon, "epsilon")) <= radius:
            fooled = fooled | outcome.fooled
            searched |= own == radius
        else:
            continue
        titles.append(str(attack))
    if not searched:
        return None
    accuracy = counts(Accuracy(int((evaluated.right & ~fooled).sum()), len(fooled)))
    return WorstCase(norm=norm, epsilon=epsilon, **dict(accuracy), attacks=tuple(titles))
