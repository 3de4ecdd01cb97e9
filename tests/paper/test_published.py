"""The paper's numbers agree with each other where the paper says they should."""

from __future__ import annotations

from statistics import mean

import pytest

from scratchticket.base.errors import InputError
from scratchticket.paper import published

TABLES = [f"table{n}" for n in range(1, 10)]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_rows_of_percentages(name: str) -> None:
    table = published.table(name)

    assert table.title
    assert table.rows
    cells = [cell for row in table.rows for cell in row.values()]
    pairs = [number for cell in cells if isinstance(cell, list) for number in cell]
    numbers = [number for number in [*cells, *pairs] if isinstance(number, float)]
    assert numbers
    assert all(0 <= number <= 100 for number in numbers)


def test_the_set_of_table_3_really_ends_in_40_percent() -> None:
    matrix = published.matrix("figure7")
    (printed,) = published.table("table3").where(
        defence="r2s", network="resnet18", dataset="cifar10"
    )

    def protocol(percents: tuple[int, ...]) -> float:
        return mean(matrix[row][column] for row in percents for column in percents)

    assert protocol((5, 7, 10, 15, 20, 40)) == pytest.approx(printed["pgd20_acc"], abs=0.15)


def test_tables_share_the_dense_network() -> None:
    (third,) = published.table("table3").where(
        defence="dense", network="resnet18", dataset="cifar10"
    )
    (fifth,) = published.table("table5").where(method="dense@pgd20")
    (fourth,) = published.table("table4").where(defence="dense", network="resnet18")
    (sixth,) = published.table("table6").where(network="resnet18 dense")

    assert fifth["resnet18_cifar10"] == third["pgd20_acc"]
    assert fourth["autoattack_8"] == sixth["autoattack_8"]


def test_curves_peak_inside() -> None:
    curve = published.curves("figure1")["resnet18"]

    assert max(curve, key=curve.__getitem__) == 20
    assert published.curves("figure5") == {}


def test_what_was_not_printed_is_an_error() -> None:
    with pytest.raises(InputError, match="unknown table 'table10'"):
        published.table("table10")
    with pytest.raises(InputError, match="unknown matrix 'figure1'"):
        published.matrix("figure1")
