"""From outcomes to the numbers of a record: counts, intervals, the worst case of every image."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from scratchticket.accuracy import Accuracy
from scratchticket.attacks import Stage
from scratchticket.evaluation.outcome import Evaluated, Outcome
from scratchticket.evaluation.signs import checks
from scratchticket.evaluation.suites import Balls
from scratchticket.quantities import fraction

Facts = dict[str, Any]
AUTOATTACK = "autoattack"


def counts(accuracy: Accuracy) -> Facts:
    """Return an accuracy as a record stores it: two integers and the 95 % interval."""
    return {
        "correct": accuracy.correct,
        "total": accuracy.total,
        "interval": [round(bound, 6) for bound in accuracy.interval()],
    }


def report(evaluated: Evaluated, where: Balls, classes: int | None = None) -> Facts:
    """Return what a record says of an evaluation; docs/evaluation.md tells every field.

    Args:
        evaluated: What the attacks did.
        where: The balls of the suite.
        classes: How many there are, which tells what chance is.
    """
    seen = checks(evaluated, where.epsilons[0], where.norm, where.everything, classes)
    radii = dict.fromkeys((where.norm, epsilon) for epsilon in where.epsilons)
    radii |= dict.fromkeys(("l2", epsilon) for epsilon in where.euclidean)
    judged = (_worst(evaluated, norm, epsilon) for norm, epsilon in radii)
    worst = [case for case in judged if case["attacks"]]
    return {
        "natural": counts(evaluated.natural),
        "attacks": _rows(evaluated, where),
        "worst_case": worst[0] if worst else None,
        "worst_cases": worst,
        "checks": [asdict(check) for check in seen],
        "warning_signs": [
            {"name": check.name, "text": check.text} for check in seen if check.verdict == "warning"
        ],
    }


def _rows(evaluated: Evaluated, where: Balls) -> list[Facts]:
    """Return a row for each attack: one for AutoAttack's four, several for one without epsilon."""
    rows: list[Facts] = []

    def group(outcome: Outcome) -> tuple[str, ...]:
        attack = outcome.attack
        if isinstance(attack.method, Stage):
            return (AUTOATTACK, attack.norm, str(attack.epsilon))
        return (str(attack),)

    for key, members in groupby(evaluated.outcomes, group):
        outcomes = list(members)
        if key[0] == AUTOATTACK:
            rows.append(_autoattack(evaluated, outcomes, ", ".join(key)))
        elif outcomes[0].attack.method.nearest:
            rows += [_nearest(evaluated, outcomes[0], e) for e in (*where.euclidean, None)]
        else:
            rows.append(_row(evaluated, outcomes[0]))
    return rows


def _row(evaluated: Evaluated, outcome: Outcome) -> Facts:
    """Return what a record says of one attack."""
    row = outcome.attack.facts() | counts(evaluated.robust(outcome)) | _cost([outcome])
    if outcome.queries is not None and outcome.fooled.any():
        row["median_queries"] = int(outcome.queries[outcome.fooled].median())
    return row


def _cost(outcomes: list[Outcome]) -> Facts:
    """Return what attacks took: seconds, and images that went through the network."""
    return {
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 3),
        "queries": sum(outcome.forwards for outcome in outcomes),
    }


def _autoattack(evaluated: Evaluated, outcomes: list[Outcome], title: str) -> Facts:
    """Return the row of AutoAttack: what is left after its four attacks, one after the other."""
    left, stages = evaluated.right, []
    for outcome in outcomes:
        left = left & ~outcome.fooled
        stages.append(
            {"title": str(outcome.attack.method), "correct": int(left.sum())} | _cost([outcome])
        )
    accuracy = Accuracy(int(left.sum()), len(left))
    facts = outcomes[0].attack.facts() | {"title": title, "stages": stages}
    facts["settings"] = {s.attack.method.stage: asdict(s.attack.method) for s in outcomes}  # type: ignore[attr-defined, call-overload]
    return facts | counts(accuracy) | _cost(outcomes)


def _nearest(evaluated: Evaluated, outcome: Outcome, epsilon: str | None) -> Facts:
    """Return the row of an attack that looks for the nearest image, scored at one radius."""
    within = torch.inf if epsilon is None else float(fraction(epsilon, "epsilon"))
    fooled = outcome.fooled & (outcome.distance <= within)
    accuracy = Accuracy(int((evaluated.right & ~fooled).sum()), len(fooled))
    facts = outcome.attack.facts() | {"epsilon": epsilon}
    facts["title"] += ", any distance" if epsilon is None else f", {epsilon}"
    facts["median_distance"] = _median(outcome.distance[outcome.tried])
    return facts | counts(accuracy) | _cost([outcome])


def _median(distances: Tensor) -> float | None:
    """Return the median distance; none where most images resist at any."""
    if len(distances) == 0 or not bool(torch.isfinite(middle := distances.median())):
        return None
    return round(float(middle), 6)


def _worst(evaluated: Evaluated, norm: str, epsilon: str) -> Facts:
    """Return on how many images no attack inside a ball succeeded."""
    radius, fooled, titles = fraction(epsilon, "epsilon"), torch.zeros_like(evaluated.right), []
    for outcome in evaluated.outcomes:
        attack = outcome.attack
        if attack.norm != norm:
            continue
        if attack.epsilon is None:
            fooled = fooled | (outcome.distance <= float(radius))
        elif fraction(attack.epsilon, "epsilon") <= radius:
            fooled = fooled | outcome.fooled
        else:
            continue
        titles.append(str(attack))
    accuracy = Accuracy(int((evaluated.right & ~fooled).sum()), len(fooled))
    return {"norm": norm, "epsilon": epsilon} | counts(accuracy) | {"attacks": titles}
