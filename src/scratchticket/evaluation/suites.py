"""Suites of attacks, with their epsilons and order.

``quick`` tells in minutes whether a network is robust and whether the number can be trusted;
``paper`` has the attacks of Tables 2 and 6 of Fu et al.; ``full`` has all attacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod, sqrt
from typing import Any, Literal

from scratchticket.attacks import (
    APGD,
    FGSM,
    PGD,
    Attack,
    AutoAttack,
    Bandits,
    CarliniWagner,
    Method,
    Noise,
    Norm,
    Stage,
    TargetedAPGD,
    make_method,
    method_names,
)
from scratchticket.attacks.autoattack import STAGES
from scratchticket.base.errors import unknown
from scratchticket.base.quantities import fraction, fraction_text

SuiteName = Literal["quick", "paper", "full"]
QUICK_IMAGES = 200
FACTORS = (Fraction(1), Fraction(3, 2), Fraction(2))  # multiples of a ticket's own epsilon
SWEEP = tuple(map(Fraction, ("1/4", "1/2", "3", "4", "8")))  # further multiples, for the curve
CIFAR_EPSILON, CIFAR_PIXELS = Fraction(8, 255), 3 * 32 * 32
CIFAR_L2 = ("0.5", "1.71", "2")  # Table 2
PAPER_CW = CarliniWagner(search_steps=1, steps=100, learning_rate=0.01, constant=0.1)


@dataclass(frozen=True)
class Balls:
    """The balls of a suite.

    Attributes:
        norm: Norm of most attacks, ``linf`` or ``l2``.
        epsilons: Radii in that norm, as text, sorted; warning signs are checked at the first.
        l2: Radii of further l2 balls; none if ``norm`` is ``l2``.
        everything: Radius in ``norm`` of a ball that contains every image.

    Raises:
        InputError: If a radius is not a number.
    """

    norm: Norm
    epsilons: tuple[str, ...]
    l2: tuple[str, ...]
    everything: str

    def __post_init__(self) -> None:
        for name in ("epsilons", "l2"):
            given = {fraction(value, "epsilon") for value in getattr(self, name)}
            object.__setattr__(self, name, tuple(map(fraction_text, sorted(given))))

    @property
    def euclidean(self) -> tuple[str, ...]:
        """All l2 radii."""
        return self.epsilons if self.norm == "l2" else self.l2


def balls(
    epsilon: str,
    norm: Norm,
    image_shape: tuple[int, ...],
    *,
    epsilons: tuple[str, ...] = (),
    l2: tuple[str, ...] = (),
) -> Balls:
    """Return the balls for the evaluation of a network.

    Args:
        epsilon: Epsilon of the network's search or training.
        norm: Norm of that epsilon.
        image_shape: ``(channel, height, width)``.
        epsilons: Radii; 1, 1.5 and 2 times ``epsilon`` if not given.
        l2: l2 radii; if not given, those of the paper's Table 2, scaled with ``epsilon`` and the
            square root of the number of pixels.
    """
    exact, pixels = fraction(epsilon, "epsilon"), prod(image_shape)
    if not epsilons:
        wider = [exact * factor for factor in FACTORS]
        epsilons = tuple(fraction_text(e if norm == "l2" else min(e, Fraction(1))) for e in wider)
    if norm == "l2":
        return Balls(norm, epsilons, (), fraction_text(Fraction(f"{sqrt(pixels):.6g}")))
    if not l2:
        scale = float(exact / CIFAR_EPSILON) * sqrt(pixels / CIFAR_PIXELS)
        l2 = tuple(dict.fromkeys(f"{float(value) * scale:.3g}" for value in CIFAR_L2))
    return Balls(norm, epsilons, l2, "1")


def suite(name: SuiteName, where: Balls, classes: int) -> tuple[Attack, ...]:
    """Return the attacks of a suite.

    Args:
        name: ``quick``, ``paper`` or ``full``.
        where: The balls.
        classes: Number of logits. Targeted Auto-PGD is left out below four, the DLR loss below
            three.

    Raises:
        InputError: If there is no such suite.
    """
    if name not in _SUITES:
        raise unknown("suite", name, _SUITES)
    return possible(_SUITES[name](where), classes)


def named(name: str, where: Balls, classes: int, settings: Mapping[str, Any]) -> tuple[Attack, ...]:
    """Return the named attack at every epsilon.

    Args:
        name: One of :func:`method_names`, or ``autoattack``.
        where: The balls.
        classes: Number of logits.
        settings: Settings of the method by name; for AutoAttack ``steps`` and ``queries``.

    Raises:
        InputError: If there is no such attack or setting.
    """
    known = [*method_names(), "autoattack"]
    if name not in known:
        raise unknown("attack", name, known)
    if name == "autoattack":
        if "stage" in settings:
            raise unknown("setting of autoattack", "stage", ["steps", "queries"])
        kind = make_method("square", settings)
        assert isinstance(kind, Stage)
        attacks = [
            attack
            for epsilon in where.epsilons
            for attack in autoattack(epsilon, where.norm, steps=kind.steps, queries=kind.queries)
        ]
        return possible(attacks, classes)
    method = make_method(name, settings)
    if method.nearest:
        return (Attack(method, None, method.norms[0]),)
    return tuple(Attack(method, epsilon, where.norm) for epsilon in where.epsilons)


def possible(attacks: Iterable[Attack], classes: int) -> tuple[Attack, ...]:
    """Return the attacks for which there are enough classes."""
    possible = [attack for attack in attacks if _enough(attack.method, classes)]
    names = {attack.stream for attack in possible}
    return tuple(
        replace(attack, after=tuple(name for name in attack.after if name in names))
        for attack in possible
    )


def _enough(method: Method, classes: int) -> bool:
    """Whether there are enough classes for a method."""
    if isinstance(method, AutoAttack | Stage):
        return classes >= method.least_classes
    targeted = isinstance(method, TargetedAPGD)
    return classes >= (4 if targeted else 3 if getattr(method, "loss", "") == "dlr" else 2)


def autoattack(epsilon: str, norm: Norm, *, steps: int = 100, queries: int = 5000) -> list[Attack]:
    """Return AutoAttack's standard version: four attacks, each run where those before failed."""
    attacks: list[Attack] = []
    for name in STAGES:
        earlier = tuple(attack.stream for attack in attacks)
        attacks.append(Attack(Stage(name, steps, queries), epsilon, norm, earlier))
    return attacks


def _quick(where: Balls) -> Iterator[Attack]:
    first, *others = where.epsilons
    yield from _curve(where)
    yield from _trust(first, where.norm, restarts=3)
    strong: tuple[Method, ...] = (PGD(100, loss="margin"), APGD(), TargetedAPGD())
    for epsilon in others:
        yield from (Attack(method, epsilon, where.norm) for method in strong)
    yield Attack(CarliniWagner(), None, "l2")
    yield from _besides(where, PGD())
    yield Attack(Bandits(1000), first, where.norm)


def _paper(where: Balls) -> Iterator[Attack]:
    at_two = where.epsilons[:2]
    yield from (Attack(PGD(), epsilon, where.norm) for epsilon in at_two)
    yield from _besides(where, PGD())
    yield Attack(PAPER_CW, None, "l2")
    yield from (Attack(PGD(100, loss="margin"), epsilon, where.norm) for epsilon in at_two)
    for epsilon in at_two:
        yield from autoattack(epsilon, where.norm)
    yield from (Attack(Bandits(), epsilon, where.norm) for epsilon in at_two)


def _full(where: Balls) -> Iterator[Attack]:
    first, *others = where.epsilons
    yield from _curve(where)
    yield from _trust(first, where.norm, restarts=10)
    strong: tuple[Method, ...] = (
        PGD(100, restarts=10),
        PGD(100, loss="margin", restarts=10),
        APGD(loss="dlr", restarts=5),
        TargetedAPGD(),
    )
    yield from (Attack(method, e, where.norm) for e in others for method in strong)
    yield from (Attack(method, first, where.norm) for method in strong[1:3])
    yield Attack(CarliniWagner(search_steps=9, steps=300), None, "l2")
    yield Attack(PAPER_CW, None, "l2")
    yield from _besides(where, PGD(), PGD(100, loss="margin", restarts=10), TargetedAPGD())
    for epsilon in where.epsilons:
        yield from autoattack(epsilon, where.norm)
        yield Attack(Bandits(), epsilon, where.norm)


def _curve(where: Balls) -> Iterator[Attack]:
    """Yield PGD-20 from small epsilons up to one whose ball contains every image."""
    first, everything = fraction(where.epsilons[0], "epsilon"), fraction(where.everything, "")
    wanted = {fraction(epsilon, "epsilon") for epsilon in where.epsilons} | {everything}
    wanted |= {factor * first for factor in SWEEP if 0 < factor * first < everything}
    yield from (Attack(PGD(), fraction_text(epsilon), where.norm) for epsilon in sorted(wanted))


def _trust(epsilon: str, norm: Norm, restarts: int) -> Iterator[Attack]:
    """Yield the attacks that the warning signs at one epsilon compare."""
    methods: list[Method] = [Noise(), FGSM()]
    methods += [PGD(100, loss=loss) for loss in ("ce", "margin", "dlr", "scaled-ce")]
    methods += [PGD(100, restarts=restarts), APGD(), TargetedAPGD()]
    yield from (Attack(method, epsilon, norm) for method in methods)


def _besides(where: Balls, *methods: Method) -> Iterator[Attack]:
    """Yield attacks in the further l2 balls of a suite."""
    yield from (Attack(method, epsilon, "l2") for epsilon in where.l2 for method in methods)


_SUITES = {"quick": _quick, "paper": _paper, "full": _full}
