"""Where a suite searches: radii written out for images of several sizes."""

from __future__ import annotations

import pytest

from scratchticket.evaluation import balls


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
