"""Where a suite searches: radii written out for images of several sizes."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, get_args

import pytest
import torch
from outcomes import outcome

from scratchticket.attacks import (
    PGD,
    Attack,
    AutoAttack,
    Bandits,
    CarliniWagner,
    Noise,
    Norm,
    Stage,
    TargetedAPGD,
)
from scratchticket.base.errors import InputError
from scratchticket.evaluation import SuiteName, balls, named, possible, suite
from scratchticket.evaluation.outcome import EvaluationResult
from scratchticket.evaluation.signs import checks
from scratchticket.evaluation.suites import autoattack


@pytest.mark.parametrize(
    ("epsilon", "shape", "euclidean"),
    [
        ("8/255", (3, 32, 32), ("0.5", "1.71", "2")),  # Table 2 of the paper
        ("8/255", (3, 64, 64), ("1", "3.42", "4")),  # four times the pixels, twice the radius
        ("4/255", (3, 32, 32), ("0.25", "0.855", "1")),
        ("8/255", (3, 16, 16), ("0.25", "0.855", "1")),
        ("32/255", (3, 8, 8), ("0.5", "1.71", "2")),
        ("0.1", (1, 8, 8), ("0.23", "0.787", "0.92")),  # 3.1875 and sqrt(1/48) times as large
    ],
)
def test_euclidean_radii_grow_with_epsilon_and_the_root_of_the_pixels(
    epsilon: str, shape: tuple[int, int, int], euclidean: tuple[str, ...]
) -> None:
    where = balls(epsilon, "linf", shape)

    assert where.l2 == where.euclidean == euclidean
    assert where.everything == "1"


def test_radii_are_one_and_a_half_and_two_times_the_first() -> None:
    assert balls("0.1", "linf", (1, 8, 8)).epsilons == ("0.1", "0.15", "0.2")
    assert balls("0.8", "linf", (1, 8, 8)).epsilons == ("0.8", "1")  # no pixel changes more
    where = balls("2", "l2", (3, 20, 20))
    assert where.epsilons == where.euclidean == ("2", "3", "4")
    assert where.l2 == ()
    assert float(where.everything) == pytest.approx(1200**0.5, rel=1e-5)  # every pixel by 1


def test_radii_that_are_given_are_kept_in_order() -> None:
    where = balls("0.1", "linf", (1, 8, 8), epsilons=("0.3", "0.2"), l2=("1", "0.5", "1"))

    assert (where.epsilons, where.l2) == (("0.2", "0.3"), ("0.5", "1"))


WHERE = balls("0.1", "linf", (3, 32, 32))
SUITES: tuple[SuiteName, ...] = get_args(SuiteName)


@pytest.mark.parametrize("name", SUITES)
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("classes", [2, 3, 4, 10])
def test_a_suite_never_asks_for_more_classes_than_there_are(
    name: SuiteName, norm: Norm, classes: int
) -> None:
    attacks = suite(name, balls("0.5", norm, (1, 8, 8)), classes)

    assert len({str(attack) for attack in attacks}) == len(attacks)
    streams = [attack.stream for attack in attacks]
    targeted = [a for a in attacks if isinstance(a.method, TargetedAPGD) or "apgd-t" in a.stream]
    dlr = [attack for attack in attacks if getattr(attack.method, "loss", "") == "dlr"]
    assert bool(targeted) == (classes >= 4)
    assert bool(dlr) == (classes >= 3 and name != "paper")
    for place, attack in enumerate(attacks):
        assert set(attack.after) <= set(streams[:place])
    full = suite(name, balls("0.5", norm, (1, 8, 8)), 10)
    assert {str(a) for a in full} >= {str(a) for a in attacks}


@pytest.mark.parametrize("name", ["quick", "full"])
def test_the_curve_runs_from_small_radii_to_one_that_allows_everything(name: SuiteName) -> None:
    radii = [Fraction(a.epsilon or 0) for a in suite(name, WHERE, 10) if _is_pgd(a)]

    factors = [Fraction(1, 4), Fraction(1, 2), 1, Fraction(3, 2), 2, 3, 4, 8, 10]
    assert radii == [factor * Fraction(1, 10) for factor in factors]
    large = [a.epsilon for a in suite(name, balls("0.4", "linf", (1, 8, 8)), 10) if _is_pgd(a)]
    assert large == ["0.1", "0.2", "0.4", "0.6", "0.8", "1"]


def _is_pgd(attack: Attack) -> bool:
    return attack.stream.startswith("pgd-20, linf")


@pytest.mark.parametrize("name", ["quick", "full"])
def test_a_suite_has_the_attacks_that_its_warning_signs_compare(name: SuiteName) -> None:
    right = torch.ones(10, dtype=torch.bool)
    outcomes = tuple(outcome(attack, ~right) for attack in suite(name, WHERE, 10))
    evaluated = EvaluationResult(right, outcomes, gradients={}, flags=())

    assert not [
        c.name for c in checks(evaluated, "0.1", "linf", "1", 10) if c.verdict == "not tested"
    ]


def test_the_papers_suite_searches_at_its_two_radii() -> None:
    attacks = suite("paper", WHERE, 10)

    def radii(kind: type, norm: Norm = "linf") -> list[str | None]:
        own = [a for a in attacks if isinstance(a.method, kind) and a.norm == norm]
        return list(dict.fromkeys(attack.epsilon for attack in own))

    assert radii(PGD) == radii(Stage) == radii(Bandits) == ["0.1", "0.15"]
    assert radii(PGD, "l2") == list(WHERE.l2)
    assert radii(CarliniWagner, "l2") == [None]


def test_an_attack_by_name_is_made_at_every_radius() -> None:
    assert [a.epsilon for a in named("pgd", WHERE, 10, {"steps": "5"})] == ["0.1", "0.15", "0.2"]
    assert named("cw-l2", WHERE, 10, {}) == (Attack(CarliniWagner(), None, "l2"),)
    assert named("noise", balls("1", "l2", (1, 8, 8)), 10, {})[0] == Attack(Noise(), "1", "l2")
    whole = named("autoattack", WHERE, 10, {"steps": "9", "queries": 8})
    assert whole == tuple(
        attack
        for e in ("0.1", "0.15", "0.2")
        for attack in autoattack(e, "linf", steps=9, queries=8)
    )
    for name, settings, said in (
        ("pgf", {}, "unknown attack 'pgf'"),
        ("autoattack", {"stage": "square"}, "unknown setting of autoattack 'stage'"),
        ("pgd", {"queries": 3}, "unknown setting of pgd 'queries'"),
    ):
        with pytest.raises(InputError, match=said):
            named(name, WHERE, 10, settings)
    with pytest.raises(InputError, match="unknown suite 'quik'; did you mean 'quick'"):
        suite("quik", WHERE, 10)  # type: ignore[arg-type]


@pytest.mark.parametrize(("version", "needed"), [("standard", 4), ("rand", 3)])
def test_autoattack_needs_as_many_classes_as_its_losses(
    version: Literal["standard", "rand"], needed: int
) -> None:
    attack = Attack(AutoAttack(version=version), "0.1")

    assert possible([attack], needed) == (attack,)
    assert possible([attack], needed - 1) == ()


def test_autoattacks_stages_wait_for_those_that_are_possible() -> None:
    stages = possible(autoattack("0.1", "linf"), classes=3)

    assert [attack.method.name for attack in stages] == ["apgd-ce", "fab-t", "square"]
    streams = [attack.stream for attack in stages]
    assert [attack.after for attack in stages] == [tuple(streams[:place]) for place in range(3)]
