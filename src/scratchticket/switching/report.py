"""The record of a switch: accuracies under attack, as exact expectations over its random choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from scratchticket.attacks import Attack
from scratchticket.base.accuracy import Accuracy, wilson
from scratchticket.base.quantities import fraction
from scratchticket.base.record import (
    BestMember,
    Counts,
    Expectation,
    Json,
    Matrix,
    Measurement,
    Member,
    MembersExpectation,
    OwnAttacks,
    SwitchCase,
    SwitchReport,
    SwitchRow,
)
from scratchticket.evaluation import Balls, counts
from scratchticket.evaluation.transfer import SET, SWITCH, TransferResult, TransferRow

TRIES = (1, 2, 5, 10)  # how often an attacker submits the same image


@dataclass(frozen=True)
class Members:
    """The networks of a switch.

    Attributes:
        names: Names of the networks.
        probabilities: Their probabilities, ``(member,)``, float64.
    """

    names: tuple[str, ...]
    probabilities: Tensor

    def right(self, by_name: dict[str, Tensor]) -> Tensor:
        """Return which members classify which images correctly: bool, ``(n, member)``."""
        return torch.stack([by_name[name] for name in self.names], dim=1)

    def expected(self, right: Tensor) -> Tensor:
        """Return the probability that an image is classified correctly: ``(..., n)``.

        Args:
            right: Correctness of each member, bool, ``(..., n, member)``.
        """
        return (right.double() @ self.probabilities).clamp(max=1)  # rounding may exceed 1


def expectation(values: Tensor) -> Expectation:
    """Return the mean over images and its 95 % interval.

    Wilson's interval is conservative here, since values in [0, 1] vary no more than 0/1 outcomes
    of the same mean.
    """
    mean, total = float(values.mean()), len(values)
    return Expectation(expected=mean, total=total, interval=wilson(mean, total))


def switch_report(result: TransferResult, members: Members, where: Balls) -> SwitchReport:
    """Return the record of a switch; docs/r2s.md explains every field.

    Args:
        result: Results of the sourced attacks.
        members: The switch.
        where: The balls of the suite.
    """
    natural = members.right(result.right)
    worst = tuple(
        case
        for epsilon in where.epsilons
        if (case := _worst(result, members, natural, where.norm, epsilon)) is not None
    )
    return SwitchReport(
        members=tuple(
            Member(name=name, probability=float(p))
            for name, p in zip(members.names, members.probabilities, strict=True)
        ),
        natural=_expected(natural, members),
        attacks=tuple(_row(row, members) for row in result.rows),
        protocol=matrices(result, members.names, members.probabilities),
        worst_case=worst[0] if worst else None,
        worst_cases=worst,
    )


def matrices(
    result: TransferResult, sources: Sequence[str], probabilities: Tensor
) -> tuple[Matrix, ...]:
    """Return a transfer matrix for every attack that was made on all sources.

    Args:
        result: Results of the sourced attacks.
        sources: Networks on which the attacks were made.
        probabilities: Probabilities with which both attacker and defender draw a source. With those
            of a switch, the mean of the matrix is what the paper calls R2S's robust accuracy.
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
        total = len(next(iter(rows[sources[0]].right.values())))
        found.append(_matrix(first, matrix, sources, probabilities, total))
    return tuple(found)


def _matrix(
    attack: Attack,
    rows: dict[str, dict[str, int]],
    names: Sequence[str],
    chances: Tensor,
    total: int,
) -> Matrix:
    """Return a transfer matrix, summarised for an attacker and a defender who draw at random."""
    table = torch.tensor([[rows[row][column] for column in names] for row in names]).double()
    by_source = ((table @ chances) / total).clamp(max=1)
    off = chances[:, None] * chances[None, :] * (1 - torch.eye(len(names), dtype=torch.float64))
    apart = (off * table).sum() / off.sum() / total if off.any() else None
    return Matrix(
        **attack.facts(),
        stops=getattr(attack.method, "keep", None) == "first",
        total=total,
        rows=rows,
        mean=_fraction(chances @ by_source),
        diagonal=_fraction(chances @ table.diagonal() / total),
        off_diagonal=None if apart is None else _fraction(apart),
        by_source=dict(zip(names, by_source.tolist(), strict=True)),
        best_source=float(by_source.min()),
    )


def _fraction(value: Tensor) -> float:
    """Return a fraction as a number, at most 1 despite rounding."""
    return min(1.0, float(value))


def _expected(right: Tensor, members: Members, least: Tensor | None = None) -> MembersExpectation:
    """Return an expected accuracy with the accuracy of each member.

    Args:
        right: Which members classify which images correctly: bool, ``(n, member)``.
        members: The switch.
        least: Probability that each image is classified correctly in the worst case, ``(n,)``;
            computed from ``right`` if not given.
    """
    return MembersExpectation(
        **dict(expectation(members.expected(right) if least is None else least)),
        all_right=_counted(right.all(dim=1)),
        each={
            name: _counted(column)
            for name, column in zip(members.names, right.unbind(dim=1), strict=True)
        },
    )


def _counted(right: Tensor) -> Counts:
    """Return the number of correctly classified images, and of all images."""
    return counts(Accuracy(int(right.sum()), len(right)))


def _row(row: TransferRow, members: Members) -> SwitchRow:
    """Return the record of one sourced attack."""
    claims: Json = {}
    if row.sourced.source == SWITCH and row.resisted is not None:
        claims = {"claimed": _counted(row.resisted), "valid": False}
    return SwitchRow(
        **row.sourced.attack.facts() | {"title": str(row.sourced)},
        source=row.sourced.source,
        **dict(_expected(members.right(row.right), members)),
        seconds=round(row.seconds, 3),
        queries=row.forwards,
        warnings=row.warnings,
        **claims,
    )


def _worst(
    result: TransferResult, members: Members, natural: Tensor, norm: str, epsilon: str
) -> SwitchCase | None:
    """Return the worst case over all attacks inside a ball, chosen for each image.

    Returns:
        None unless every member and the set were attacked at exactly this epsilon. Attacks at
        smaller epsilons are included, but alone they would only repeat the worst case there.
    """
    inside = [row for row in result.rows if _within(row, norm, epsilon)]
    exact = fraction(epsilon, "epsilon")
    attacked = {s.sourced.source for s in inside if _radius(s) == exact}
    if not {*members.names, SET} <= attacked:
        return None
    versions = torch.stack([natural, *(members.right(s.right) for s in inside)])
    least = members.expected(versions).min(dim=0).values  # over attacks, for each image
    single = versions.all(dim=0)  # (image, member)
    alone = [float(x) for x in single.double().mean(dim=0)]
    best = max(range(len(alone)), key=alone.__getitem__)
    bound = float(members.expected(single).mean())
    switch = _expected(single, members, least)
    strongest = _counted(single[:, best])
    return SwitchCase(
        norm=norm,
        epsilon=epsilon,
        **dict(switch),
        tries={str(tries): float((least**tries).mean()) for tries in TRIES},
        best_member=BestMember(name=members.names[best], **dict(strongest)),
        bound=bound,
        own_attacks=_own_attacks(inside, members, natural, switch.expected),
        gain=gain(switch, strongest),
        strikes=len(inside),
    )


def _within(row: TransferRow, norm: str, epsilon: str) -> bool:
    """Return whether an attack's ball lies inside the ball of this norm and epsilon."""
    radius = _radius(row)
    inside = radius is not None and radius <= fraction(epsilon, "epsilon")
    return inside and row.sourced.attack.norm == norm


def _radius(row: TransferRow) -> Fraction | None:
    """Return the epsilon of an attack; None for a minimum-norm attack."""
    radius = row.sourced.attack.epsilon
    return None if radius is None else fraction(radius, "epsilon")


def _own_attacks(
    inside: Sequence[TransferRow], members: Members, natural: Tensor, expected: float
) -> OwnAttacks:
    """Return each member's accuracy under the attacks made on it alone, averaged over members.

    Under optimal attacks this is a lower bound on the switch's accuracy: no image fools a member
    that the optimal attack on this member alone cannot fool. If the switch's accuracy is lower, the
    attacks on single members were too weak.
    """
    left = natural.clone()  # (image, member)
    for column, name in enumerate(members.names):
        own = [row.right[name] for row in inside if row.sourced.source == name]
        left[:, column] &= torch.stack(own).all(dim=0)
    mean = float(members.expected(left).mean())
    return OwnAttacks(mean=mean, strong_enough=mean <= expected + 1e-9)


def gain(switch: Expectation, other: Measurement) -> str:
    """Return whether a switch beats another network, judged by their 95 % intervals."""
    if switch.interval[0] > other.interval[1]:
        return "gain"
    overlap = switch.interval[1] >= other.interval[0]
    return "no gain: the intervals overlap" if overlap else "loss"
