"""From what attacks did to the numbers of a record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from scratchticket.attacks import PGD, Attack
from scratchticket.attacks.sets import chances
from scratchticket.base.record import OwnAttacks
from scratchticket.evaluation import Balls
from scratchticket.evaluation.transfer import SET, SourcedAttack, TransferResult, TransferRow
from scratchticket.switching.report import Members, expectation, switch_report


@pytest.mark.parametrize("count", [1, 3, 6, 7, 49])
def test_what_is_always_right_is_right_with_certainty(count: int) -> None:
    """Equal probabilities may add up to a little more than 1, which no record may say."""
    members = Members(tuple(map(str, range(count))), chances(None, count))

    found = expectation(members.expected(torch.ones(40, count, dtype=torch.bool)))

    assert 1 - 1e-12 < found.expected <= 1
    assert found.interval[1] <= 1


def test_given_probabilities_add_up_to_one() -> None:
    given = chances([0.3333333, 0.3333333, 0.3333333], 3)

    assert given.dtype == torch.float64
    assert float(given.sum()) == pytest.approx(1, abs=1e-15)


def row(source: str, a: str, b: str) -> TransferRow:
    """Return a row in which ``x`` marks the images that a network gets wrong."""
    right = {"a": marks(a), "b": marks(b)}
    return TransferRow(SourcedAttack(Attack(PGD(), "0.1"), source), right, None, 1, 0.0, ())


def marks(text: str) -> torch.Tensor:
    return torch.tensor([letter != "x" for letter in text])


@pytest.mark.parametrize(
    ("attacks", "expected"),
    [
        # b: one image in four is wrong as it is; each ticket's own attack takes another one
        ([("a", "x...", "...x"), ("b", "....", "x..x"), (SET, "....", "...x")],
         {"mean": 5 / 8, "strong_enough": True}),
        ([("a", "....", "...x"), ("b", "....", "...x"), (SET, "xx..", "xx.x")],
         {"mean": 7 / 8, "strong_enough": False}),
    ],
    ids=["attacked alone", "attacked too weakly alone"],
)  # fmt: skip
def test_a_switch_below_its_tickets_own_attacks_tells_that_these_were_weak(
    attacks: list[tuple[str, str, str]], expected: dict[str, Any]
) -> None:
    result = TransferResult(
        {"a": marks("...."), "b": marks("...x")}, tuple(row(*s) for s in attacks)
    )
    members = Members(("a", "b"), chances(None, 2))

    worst = switch_report(result, members, Balls("linf", ("0.1",), (), "1")).worst_case

    assert worst is not None
    assert worst.own_attacks == OwnAttacks(**expected)


@pytest.mark.parametrize("missing", ["a", "b", SET])
def test_a_worst_case_exists_only_where_every_member_and_the_set_were_attacked(
    missing: str,
) -> None:
    near = [row(source, "x...", "...x") for source in ("a", "b", SET)]
    far = [at("0.15", one) for one in near if one.sourced.source != missing]
    result = TransferResult({"a": marks("...."), "b": marks("....")}, (*near, *far))
    where = Balls("linf", ("0.1", "0.15", "0.2"), (), "1")

    record = switch_report(result, Members(("a", "b"), chances(None, 2)), where)

    assert [case.epsilon for case in record.worst_cases] == ["0.1"]
    whole = replace(result, rows=(*near, *(at("3/20", one) for one in near)))
    cases = switch_report(whole, Members(("a", "b"), chances(None, 2)), where).worst_cases
    assert [case.epsilon for case in cases] == ["0.1", "0.15"]


def test_without_an_attack_there_is_no_worst_case() -> None:
    result = TransferResult({"a": marks("....")}, (row_alone("a"),))

    record = switch_report(
        result, Members(("a",), chances(None, 1)), Balls("linf", ("0.1",), (), "1")
    )

    assert record.worst_case is None
    assert record.worst_cases == ()


def at(epsilon: str, one: TransferRow) -> TransferRow:
    """Return a row as if its attack had been made in another ball."""
    return replace(one, sourced=SourcedAttack(Attack(PGD(), epsilon), one.sourced.source))


def row_alone(name: str) -> TransferRow:
    """Return the row of an attack on a single network that is not in a set."""
    return TransferRow(
        SourcedAttack(Attack(PGD(), "0.1"), name), {name: marks("x...")}, None, 1, 0.0, ()
    )


def test_what_fools_in_a_ball_fools_in_every_larger_one() -> None:
    near = [
        row("a", "xx..", "xx.."),
        row("b", "....", "...."),
        row(SET, "....", "...."),
    ]
    far = [at("0.15", row(name, "x...", "x...")) for name in ("a", "b", SET)]
    result = TransferResult({"a": marks("...."), "b": marks("....")}, (*near, *far))
    where = Balls("linf", ("0.1", "0.15"), (), "1")

    cases = switch_report(result, Members(("a", "b"), chances(None, 2)), where).worst_cases

    assert [case.expected for case in cases] == [0.5, 0.5]
    assert [case.strikes for case in cases] == [3, 6]
