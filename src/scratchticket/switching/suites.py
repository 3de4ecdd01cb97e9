"""Suites of attacks on a switch: the paper's protocol, and adaptive attacks on the set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

from scratchticket.attacks import APGD, PGD, Attack, AutoAttack, Method, TargetedAPGD
from scratchticket.attacks.arc import ARC
from scratchticket.attacks.set_gradient import SET_LOSSES, SetAPGD, SetPGD
from scratchticket.attacks.sets import SetLoss
from scratchticket.attacks.square import SetSquare
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.quantities import fraction
from scratchticket.evaluation import Balls, possible
from scratchticket.evaluation.transfer import SET, SWITCH, SourcedAttack

SwitchSuite = Literal["quick", "full"]
EPSILONS: dict[str, int] = {"quick": 1, "full": 2}  # largest number of epsilons of a suite
SAMPLES = (1, 5, 10, 20)  # networks drawn per step of a sampled expectation
ADAPTIVE: tuple[SetLoss, ...] = ("eot", "mean-probabilities", "mean-logits")  # Sec. 6.3
Chances = tuple[float, ...] | None

RELEASED = PGD()
TRANSFERRED: tuple[Method, ...] = (
    RELEASED,
    PGD(keep="best"),
    PGD(keep="best", momentum=1.0),
    PGD(loss="margin", keep="best"),
)
STRONGEST: tuple[Method, ...] = (PGD(100, loss="margin", keep="best"), TargetedAPGD(keep="best"))


def switch_suite(
    name: SwitchSuite,
    members: Sequence[str],
    where: Balls,
    classes: int,
    probabilities: Chances = None,
) -> tuple[SourcedAttack, ...]:
    """Return the sourced attacks of a suite.

    Args:
        name: ``quick`` or ``full``.
        members: Names of the networks in the set.
        where: The balls; ``quick`` attacks at the first epsilon, ``full`` also at the second.
        classes: Number of classes; attacks that need more are left out.
        probabilities: Probabilities of the members; equal if None.

    Raises:
        InputError: If there is no such suite, or epsilon is 0.
    """
    if name not in get_args(SwitchSuite):
        raise unknown("suite", name, get_args(SwitchSuite))
    if fraction(where.epsilons[0], "epsilon") == 0:
        raise InputError("epsilon must be above 0")
    attacks = (_quick if name == "quick" else _full)(members, where, probabilities)
    chosen = [sourced for sourced in attacks if possible([sourced.attack], classes)]
    return tuple({str(sourced): sourced for sourced in chosen}.values())


def respond_with(probabilities: tuple[float, ...], where: Balls) -> tuple[SourcedAttack, ...]:
    """Return the attacker's responses to given probabilities, at the first epsilon.

    Attacks on the set ignore tickets of probability 0.
    """
    first = where.epsilons[0]
    methods = _adaptive(first, probabilities, ("eot", "clamped-margin"))
    return tuple(_on([SET], where, first, *methods))


def transfer_suite(networks: Sequence[str], where: Balls) -> tuple[SourcedAttack, ...]:
    """Return the sourced attacks of the transfer matrices, at the first epsilon.

    The first is the released code's attack, which stops as soon as the source is fooled, so that
    its images transfer least. The others take all steps: on the cross-entropy, with momentum, and
    on the margin.
    """
    return tuple(_on(networks, where, where.epsilons[0], *TRANSFERRED))


def _quick(members: Sequence[str], where: Balls, chances: Chances) -> Iterator[SourcedAttack]:
    first = where.epsilons[0]
    yield from _on(members, where, first, RELEASED)
    yield from _on([SET], where, first, *_paper(chances))
    yield from _on([SET], where, first, *_adaptive(first, chances, ("eot", "clamped-margin")))
    yield from _on(members, where, first, *STRONGEST)


def _full(members: Sequence[str], where: Balls, chances: Chances) -> Iterator[SourcedAttack]:
    first, *others = where.epsilons[: EPSILONS["full"]]
    for epsilon in (first, *others):  # the paper's protocol: Tables 3 and 4
        cw_inf, autoattack = PGD(100, loss="margin"), AutoAttack()
        yield from _on(members, where, epsilon, RELEASED, cw_inf, autoattack)
    yield from _on([SWITCH], where, first, AutoAttack(), AutoAttack("rand"))
    yield from _on([SET], where, first, *_paper(chances))
    sampled = (SetPGD(20, samples=count, probabilities=chances) for count in SAMPLES)
    yield from _on([SET], where, first, *sampled, SetPGD(20, probabilities=chances))
    yield from _on([SET], where, first, *_adaptive(first, chances, SET_LOSSES, restarts=3))
    yield from _on([SET], where, first, SetSquare(probabilities=chances))
    yield from _on(members, where, first, *TRANSFERRED, *STRONGEST, APGD(keep="best"))
    for epsilon in others:
        yield from _on(
            [SET], where, epsilon, *_adaptive(epsilon, chances, ("eot", "clamped-margin"))
        )
        yield from _on(members, where, epsilon, *STRONGEST)


def _paper(chances: Chances) -> list[Method]:
    """Return the paper's adaptive attacks: the last iterate of PGD-20."""
    return [SetPGD(20, loss=loss, keep="last", probabilities=chances) for loss in ADAPTIVE]


def _adaptive(
    epsilon: str, chances: Chances, losses: Sequence[SetLoss], restarts: int = 1
) -> list[Method]:
    """Return strong attacks on the set; ARC with two step sizes, its default and epsilon."""
    methods: list[Method] = [
        SetPGD(100, loss=loss, restarts=restarts, probabilities=chances) for loss in losses
    ]
    methods += [SetAPGD(loss=loss, restarts=restarts, probabilities=chances) for loss in losses]
    methods += [
        ARC(20, step_size=step, restarts=restarts, probabilities=chances)
        for step in (None, epsilon)
    ]
    return methods


def _on(
    sources: Sequence[str], where: Balls, epsilon: str, *methods: Method
) -> Iterator[SourcedAttack]:
    """Yield each method as an attack on each source."""
    for method in methods:
        attack = Attack(method, epsilon, where.norm)
        yield from (SourcedAttack(attack, source) for source in sources)
