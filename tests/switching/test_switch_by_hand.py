"""The numbers of a switch's record, for two tickets that are not drawn equally often."""

from __future__ import annotations

from pytest import approx
from test_switch_report import marks, row

from scratchticket.attacks.sets import chances
from scratchticket.evaluation import Balls
from scratchticket.evaluation.transfer import SET, TransferResult
from scratchticket.switching.report import Members, switch_report


def test_every_number_of_a_report_is_that_of_a_count_by_hand() -> None:
    """Rows of the matrix are attacked, columns asked; ``a`` answers three times of four."""
    on_set = row(SET, ".....", "...xx")  # which fools nobody who was not wrong before
    attacks = row("a", "xx...", "xx..x"), row("b", "..x..", "xx..x"), on_set
    result = TransferResult({"a": marks("....."), "b": marks("...xx")}, attacks)
    members = Members(("a", "b"), chances((0.75, 0.25), 2))

    report = switch_report(result, members, Balls("linf", ("0.1",), (), "1"))

    natural, on_a, on_b = (1, 1, 1, 0.75, 0.75), (0, 0, 1, 1, 0.75), (0.75, 0.75, 0.25, 1, 0.75)
    least = (0, 0, 0.25, 0.75, 0.75)  # of the three, image by image
    assert report.natural.expected == approx(sum(natural) / 5)
    found = [row.expected for row in report.attacks]
    assert found == approx([sum(on_a) / 5, sum(on_b) / 5, sum(natural) / 5])
    (matrix,) = report.protocol
    assert matrix.rows == {"a": {"a": 3, "b": 2}, "b": {"a": 4, "b": 2}}
    assert matrix.by_source == approx({"a": 0.55, "b": 0.7})
    assert matrix.best_source == approx(0.55)
    assert matrix.mean == approx(0.75 * 0.55 + 0.25 * 0.7)
    assert matrix.diagonal == approx((0.75 * 3 + 0.25 * 2) / 5)
    assert matrix.off_diagonal == approx((2 + 4) / 2 / 5)
    worst = report.worst_case
    assert worst is not None
    assert worst.expected == approx(sum(least) / 5)
    assert worst.tries["2"] == approx(sum(value**2 for value in least) / 5)
    assert [worst.each[name].correct for name in "ab"] == [2, 1]
    assert worst.all_right.correct == 0
    assert (worst.best_member.name, worst.best_member.correct) == ("a", 2)
    assert worst.bound == approx((0.75 * 2 + 0.25 * 1) / 5)
