"""From attacks to the numbers of a switch's record; everything is an exact expectation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from scratchticket.base.accuracy import Accuracy, wilson
from scratchticket.base.quantities import fraction
from scratchticket.evaluation import Balls, counts
from scratchticket.evaluation.transfer import SET, SWITCH, TransferResult, TransferRow

Json = dict[str, Any]
TRIES = (1, 2, 5, 10)  # numbers of queries of an attacker who repeats an image


@dataclass(frozen=True)
class Members:
    """The networks of a switch.

    Attributes:
        names: Names of the networks.
        probabilities: Probability of each, ``(member,)``, float64.
    """

    names: tuple[str, ...]
    probabilities: Tensor

    def right(self, by_name: dict[str, Tensor]) -> Tensor:
        """Return which members classify which image correctly: bool, ``(n, member)``."""
        return torch.stack([by_name[name] for name in self.names], dim=1)

    def expected(self, right: Tensor) -> Tensor:
        """Return the probability that an image is classified correctly: ``(..., n)``.

        Args:
            right: Correctness of each member, bool, ``(..., n, member)``.
        """
        return (right.double() @ self.probabilities).clamp(max=1)  # sums may round upwards


def expectation(values: Tensor) -> Json:
    """Return the mean over images and its 95 % interval.

    The interval is Wilson's; it is conservative, since values between 0 and 1 have no larger
    variance than correct and wrong.
    """
    mean, total = float(values.mean()), len(values)
    return {"expected": mean, "total": total, "interval": list(wilson(mean, total))}


def switch_report(result: TransferResult, members: Members, where: Balls) -> Json:
    """Return the record of a switch; docs/r2s.md explains every field.

    Args:
        result: Results of the sourced attacks.
        members: The switch.
        where: The balls of the suite.
    """
    natural = members.right(result.right)
    worst = [
        case
        for epsilon in where.epsilons
        if (case := _worst(result, members, natural, where.norm, epsilon)) is not None
    ]
    return {
        "members": [
            {"name": name, "probability": float(p)}
            for name, p in zip(members.names, members.probabilities, strict=True)
        ],
        "natural": expectation(members.expected(natural)) | _members(natural, members),
        "attacks": [_row(row, members) for row in result.rows],
        "protocol": matrices(result, members.names, members.probabilities),
        "worst_case": worst[0] if worst else None,
        "worst_cases": worst,
    }


def matrices(
    result: TransferResult, sources: Sequence[str], probabilities: Tensor | None = None
) -> list[Json]:
    """Return a transfer matrix for every attack that was made on all sources.

    Args:
        result: Results of the sourced attacks.
        sources: Networks the attacks were made on.
        probabilities: Probabilities of the sources for attacker and defender alike, if they are a
            switch: then the mean of the matrix is what the paper calls R2S's robust accuracy.
    """
    by_attack: dict[str, dict[str, TransferRow]] = {}
    for row in result.rows:
        by_attack.setdefault(str(row.sourced.attack), {})[row.sourced.source] = row
    found = []
    for rows in by_attack.values():
        if not set(sources) <= rows.keys():
            continue
        first = rows[sources[0]].sourced.attack
        matrix = {
            source: {name: int(right.sum()) for name, right in rows[source].right.items()}
            for source in sources
        }
        facts: Json = {
            **first.facts(),
            "stops": getattr(first.method, "keep", None) == "first",
            "total": len(next(iter(rows[sources[0]].right.values()))),
            "rows": matrix,
        }
        if probabilities is not None:
            facts |= _mixed(matrix, sources, probabilities, facts["total"])
        found.append(facts)
    return found


def _mixed(
    matrix: dict[str, dict[str, int]], names: Sequence[str], chances: Tensor, total: int
) -> Json:
    """Return the summary of a matrix whose attacker and defender both draw from the set."""
    table = torch.tensor([[matrix[row][column] for column in names] for row in names]).double()
    by_source = ((table @ chances) / total).clamp(max=1)
    off = chances[:, None] * chances[None, :] * (1 - torch.eye(len(names), dtype=torch.float64))
    return {
        "mean": float(chances @ by_source),
        "diagonal": float(chances @ table.diagonal()) / total,
        "off_diagonal": float((off * table).sum() / off.sum()) / total if off.any() else None,
        "by_source": dict(zip(names, by_source.tolist(), strict=True)),
        "best_source": float(by_source.min()),
    }


def _members(right: Tensor, members: Members) -> Json:
    """Return the accuracy of each member, and the number of images that all get right."""
    total = len(right)
    return {
        "all_right": counts(Accuracy(int(right.all(dim=1).sum()), total)),
        "each": {
            name: counts(Accuracy(int(column.sum()), total))
            for name, column in zip(members.names, right.unbind(dim=1), strict=True)
        },
    }


def _row(row: TransferRow, members: Members) -> Json:
    """Return the record of one sourced attack."""
    right = members.right(row.right)
    record = {
        **row.sourced.attack.facts(),
        "title": str(row.sourced),
        "source": row.sourced.source,
        **expectation(members.expected(right)),
        **_members(right, members),
        "seconds": round(row.seconds, 3),
        "queries": row.forwards,
        "warnings": list(row.warnings),
    }
    if row.sourced.source == SWITCH and row.resisted is not None:
        claimed = Accuracy(int(row.resisted.sum()), len(row.resisted))
        record |= {"claimed": counts(claimed), "valid": False}
    return record


def _worst(
    result: TransferResult, members: Members, natural: Tensor, norm: str, epsilon: str
) -> Json | None:
    """Return what is left when every image meets the worst attack in a ball.

    Returns:
        None unless every member and the set were attacked at that very epsilon. Attacks at smaller
        epsilons count too, but alone they would only repeat the worst case there.
    """
    inside = [row for row in result.rows if _within(row, norm, epsilon)]
    exact = fraction(epsilon, "epsilon")
    met = {s.sourced.source for s in inside if _radius(s) == exact}
    if not {*members.names, SET} <= met:
        return None
    versions = torch.stack([natural, *(members.right(s.right) for s in inside)])
    least = members.expected(versions).min(dim=0).values  # of the attacks, for each image
    single = versions.all(dim=0)  # (image, member)
    alone = [float(x) for x in single.double().mean(dim=0)]
    best = max(range(len(alone)), key=alone.__getitem__)
    bound = float(members.expected(single).mean())
    switch = expectation(least)
    strongest = counts(Accuracy(int(single[:, best].sum()), len(single)))
    return {
        "norm": norm,
        "epsilon": epsilon,
        **switch,
        **_members(single, members),
        "tries": {str(tries): float((least**tries).mean()) for tries in TRIES},
        "best_member": {"name": members.names[best], **strongest},
        "bound": bound,
        "own_attacks": _own_attacks(inside, members, natural, switch["expected"]),
        "gain": gain(switch["interval"], strongest["interval"]),
        "strikes": len(inside),
    }


def _within(row: TransferRow, norm: str, epsilon: str) -> bool:
    """Whether an attack searched inside a ball."""
    radius = _radius(row)
    inside = radius is not None and radius <= fraction(epsilon, "epsilon")
    return inside and row.sourced.attack.norm == norm


def _radius(row: TransferRow) -> Fraction | None:
    """Return the epsilon of an attack; None for a minimum-norm attack."""
    radius = row.sourced.attack.epsilon
    return None if radius is None else fraction(radius, "epsilon")


def _own_attacks(
    inside: Sequence[TransferRow], members: Members, natural: Tensor, expected: float
) -> Json:
    """Return what attacks made on each member alone leave of it, on average over the members.

    Against optimal attacks no switch falls below that, for no image can be worse for it than each
    member's own worst one is for that member. If it does, single members were attacked too weakly.
    """
    left = natural.clone()  # (image, member)
    for column, name in enumerate(members.names):
        own = [row.right[name] for row in inside if row.sourced.source == name]
        left[:, column] &= torch.stack(own).all(dim=0)
    mean = float(members.expected(left).mean())
    return {"mean": mean, "strong_enough": mean <= expected + 1e-9}


def gain(switch: Sequence[float], other: Sequence[float]) -> str:
    """Say whether a switch is better than something else, by their intervals."""
    if switch[0] > other[1]:
        return "gain"
    return "loss" if switch[1] < other[0] else "no gain: the intervals overlap"
