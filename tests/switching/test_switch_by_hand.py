"""The numbers of a switch's record, for two tickets that are not drawn equally often."""

from __future__ import annotations

from test_switch_report import struck, told

from scratchticket.attacks.sets import chances
from scratchticket.evaluation import Balls
from scratchticket.evaluation.transfer import Crossed
from scratchticket.switching.report import Members, switch_report


def test_every_number_of_a_report_is_that_of_a_count_by_hand() -> None:
    """Rows of the matrix are attacked, columns asked; ``a`` answers three times of four."""
    strikes = struck("a", "xx..", "...x"), struck("b", "....", "xx.x")
    crossed = Crossed({"a": told("...."), "b": told("...x")}, strikes)
    members = Members(("a", "b"), chances((0.75, 0.25), 2))

    report = switch_report(crossed, members, Balls("linf", ("0.1",), (), "1"))

    assert report["natural"]["expected"] == (1 + 1 + 1 + 0.75) / 4
    assert [row["expected"] for row in report["attacks"]] == [
        (0.25 + 0.25 + 1 + 0.75) / 4,
        (0.75 + 0.75 + 1 + 0.75) / 4,
    ]
    (matrix,) = report["protocol"]
    assert matrix["rows"] == {"a": {"a": 2, "b": 3}, "b": {"a": 4, "b": 1}}
    assert matrix["by_source"] == {"a": 0.5625, "b": 0.8125}
    assert matrix["best_source"] == 0.5625
    assert matrix["mean"] == 0.75 * 0.5625 + 0.25 * 0.8125
    assert matrix["diagonal"] == (0.75 * 2 + 0.25 * 1) / 4
    assert matrix["off_diagonal"] == (3 + 4) / 2 / 4
    worst = report["worst_case"]
    least = (0.25, 0.25, 1.0, 0.75)  # of the strikes and of none, image by image
    assert worst["expected"] == sum(least) / 4
    assert worst["tries"]["2"] == sum(value**2 for value in least) / 4
    assert worst["all_right"]["correct"] == 1
    assert [worst["each"][name]["correct"] for name in "ab"] == [2, 1]
    assert (worst["best_member"]["name"], worst["best_member"]["correct"]) == ("a", 2)
    assert worst["bound"] == (0.75 * 2 + 0.25 * 1) / 4
