"""The paper's numbers agree with each other where the paper says they should."""

from __future__ import annotations

from statistics import mean

import pytest

from scratchticket.base.errors import InputError
from scratchticket.paper import SCALES, paper_recipe, published

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


ACCURACIES, SMALL, LARGE = "natural; PGD-20", "resnet18 / cifar10", "wideresnet32 / cifar10"
OF_TABLE_6 = (
    "AutoAttack, 8/255; AutoAttack, 12/255; CW-L2; CW-Inf, 8/255; CW-Inf, 12/255; "
    "Bandits, 8/255; Bandits, 12/255"
)
OF_TABLE_4 = "AutoAttack, 8/255; AutoAttack, 12/255; CW-Inf, 8/255; CW-Inf, 12/255"
OF_TABLE_1 = "natural; robust; weights that remain (10^6)"
RADII = "l2, 0.50; l2, 1.71; l2, 2.00"
OF_TABLE_7 = "3 %; 5 %; 10 %; 60 %; dense natural; dense adversarial"
PRINTED = (  # typed from the paper: recipe, panel, row, columns, numbers
    ("table1", "imagenet, 2/255", "resnet18, dense", OF_TABLE_1, "56.25 37.09 11.17"),
    ("table1", "imagenet, 2/255", "resnet101, ticket of 25 %", OF_TABLE_1, "60.56 40.65 10.62"),
    ("table1", "imagenet, 4/255", "resnet50, ticket of 40 %", OF_TABLE_1, "46.36 21.99 9.41"),
    ("table2", SMALL, "dense", RADII, "63.61 40.85 39.04"),
    ("table2", SMALL, "ticket, 7 %", RADII, "63.04 43.94 42.41"),
    ("table2", LARGE, "ticket, 20 %", RADII, "67.54 45.21 43.51"),
    ("table3", SMALL, "dense", ACCURACIES, "81.73 50.19"),
    ("table3", SMALL, "R2S, 5, 7, 10, 15, 20, 30 %", ACCURACIES, "77.49 63.93"),
    ("table3", "resnet18 / cifar100", "R2S, 5, 7, 10, 15, 20, 40 %", ACCURACIES, "52.12 41.01"),
    ("table3", LARGE, "dense", ACCURACIES, "85.93 52.27"),
    ("table3", "wideresnet32 / cifar100", "R2S, 5, 7, 10, 15, 20, 30 %", ACCURACIES, "54.72 43.27"),
    ("table4", SMALL, "dense", OF_TABLE_4, "46.39 41.13 48.99 45.91"),
    ("table4", LARGE, "R2S", OF_TABLE_4, "56.06 53.91 58.55 57.48"),
    ("table5", SMALL, "dense, PGD-20", "accuracy", "50.19"),
    ("table5", "resnet18 / cifar100", "R2S, EOT", "accuracy", "36.68"),
    ("table5", LARGE, "R2S, Ensemble", "accuracy", "62.1"),
    ("table6", SMALL, "dense", OF_TABLE_6, "46.39 41.13 52.78 48.99 45.91 66.99 64.17"),
    ("table6", SMALL, "ticket, 5 %", OF_TABLE_6, "45.75 41.43 51.74 48.07 45.57 61.18 59.30"),
    ("table6", SMALL, "ticket, 70 %", OF_TABLE_6, "42.18 37.80 48.14 44.44 42.18 60.17 57.97"),
    ("table6", LARGE, "dense", OF_TABLE_6, "49.66 44.97 57.13 54.16 49.22 69.28 65.86"),
    ("table6", LARGE, "ticket, 10 %", OF_TABLE_6, "43.91 43.67 55.67 51.47 48.38 67.97 65.12"),
    ("table7", SMALL, "dense natural", OF_TABLE_7, "70.70 74.35 77.71 77.33 0 81.28"),
    ("table7", SMALL, "dense adversarial", OF_TABLE_7, "60.17 62.01 64.92 64.93 81.96 50.19"),
    ("table7", SMALL, "same ratio, other seed", "3 %; 15 %; 60 %", "62.01 69.94 66.41"),
    ("table8", SMALL, "R2S, 3, 5, 7, 10 %", ACCURACIES, "75.34 61.03"),
    ("table8", LARGE, "R2S, 7, 10, 15, 20, 30 %", ACCURACIES, "82.34 66.96"),
    ("table8", "resnet18 / cifar100", "dense", ACCURACIES, "56.88 26.94"),
    (
        *("table8", "wideresnet32 / cifar100", "R2S, 3, 5, 7, 10, 15, 20, 30 %"),
        *(ACCURACIES, "53.72 43.51"),
    ),
    ("table9", SMALL, "R2S, 3, 5, 7, 10, 15, 20, 40 %", ACCURACIES, "78.57 65.14"),
    ("table9", "resnet18 / cifar100", "R2S, 7, 10, 15, 20, 40 %", ACCURACIES, "55.42 41.38"),
    ("figure1", SMALL, "ticket, robust", "1; 20; 90", "37.6 47.7 28.1"),
    ("figure1", LARGE, "ticket, robust", "1; 10; 90", "40.8 51.3 34.4"),
    ("figure1", SMALL, "dense, natural", "", "81.73"),
    ("figure1", "wideresnet32 / cifar100", "dense, robust", "", "29.81"),
    ("figure1", f"{SMALL}, patterns", "row", "1; 80", "30 29.4"),
    ("figure1", f"{SMALL}, patterns", "kernel", "1; 80", "17.2 24.4"),
    ("figure1", f"{SMALL}, inner attacks", "fgsm", "1; 80", "36.1 38.3"),
    ("figure1", f"{SMALL}, inner attacks", "fgsm-rs", "1; 80", "35.9 35.7"),
    *(
        (name, SMALL, row, "1; 20", numbers)
        for name, row, numbers in (
            ("figure2", "ticket", "37.6 47.7"),
            ("figure2", "fine-tuned, inherited", "41.1 47.5"),
            ("figure2", "fine-tuned, new", "36.7 47.5"),
            ("figure3", "ticket", "37.6 47.7"),
            ("figure5", "fine-tuned, inherited", "41.1 47.5"),
        )
    ),
    *(
        ("figure7", f"{SMALL}, stopped at the first success", row, "3 %; 10 %; 60 %", numbers)
        for row, numbers in (
            ("3 %", "43.9 72.6 71.3"),
            ("10 %", "60.0 47.0 66.6"),
            ("60 %", "60.0 68.7 45.8"),
        )
    ),
)


def printed_cells(name: str) -> dict[tuple[str, str, str], float | None]:
    found = paper_recipe(name).cells(SCALES["paper"])
    return {(cell.panel, cell.row, cell.column): cell.published for cell in found}


@pytest.mark.parametrize(("name", "panel", "row", "columns", "numbers"), PRINTED)
def test_printed_numbers_stand_in_their_cells(
    name: str, panel: str, row: str, columns: str, numbers: str
) -> None:
    cells = printed_cells(name)

    found = [cells[panel, row, column] for column in columns.split("; ")]

    assert found == [float(number) for number in numbers.split()]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("figure1", {"robust", "patterns", "inner attacks", "dense"}),
        ("figure2", {"resnet18 / cifar10"}),
        ("figure7", {"stopped at the first success"}),
        ("figure12", {"resnet18 / cifar10, stopped at the first success"}),
        ("table9", {"R2S", "dense"}),
    ],
)
def test_what_the_paper_does_not_print_has_no_number(name: str, known: set[str]) -> None:
    for (panel, row, _), number in printed_cells(name).items():
        if number is not None:
            assert any(text in f"{panel}; {row}" for text in known)
            assert "random tickets" not in row
            assert row.startswith("dense") or name == "table9" or "cifar100" not in panel


def test_every_row_of_a_table_is_found_by_its_values() -> None:
    sixth = published.table("table6")

    (one,) = sixth.where(network="rst wideresnet32", remaining_ratio=0.1)

    assert one["autoattack_12"] == 43.67
    assert len(list(sixth.where(network="rst resnet18"))) == 6
    assert not list(sixth.where(network="rst resnet18", remaining_ratio=1.0))


def test_differences_of_the_text_follow_from_the_tables() -> None:
    """Sections 5.5 and 6.3 and Appendices C and F subtract numbers that tables print."""
    cells = {name: printed_cells(name) for name in ("table3", "table4", "table6", "table8")}

    def gain(name: str, left: tuple[str, str, str], right: tuple[str, str, str]) -> float:
        return round(cells[name][left] - cells[name][right], 2)  # type: ignore[operator]

    five, text = (LARGE, "ticket, 5 %"), published.claims()
    for epsilon in ("8/255", "12/255"):
        column = f"AutoAttack, {epsilon}"
        for network, panel in (("WideResNet32", LARGE), ("ResNet18", SMALL)):
            known = text[f"App. C, {network}"][epsilon]
            assert gain("table6", (*five, column), (panel, "dense", column)) == known
    r2s = "R2S, 5, 7, 10, 15, 20, 30 %"
    assert text["6.3, PGD-20"]["on CIFAR-10"] == [
        gain("table3", (panel, r2s, "PGD-20"), (panel, "dense", "PGD-20"))
        for panel in (SMALL, LARGE)
    ]
    gains = [
        gain("table4", (panel, "R2S", column), (panel, "dense", column))
        for panel in (SMALL, LARGE)
        for column in ("AutoAttack, 8/255", "AutoAttack, 12/255")
    ]
    assert text["6.3, AutoAttack"]["range"] == [min(gains), max(gains)]
    for panel, known in text["App. F"].items():
        if panel != "what":
            rows = {row for place, row, _ in cells["table8"] if place == panel} - {"dense"}
            dense = panel, "dense", "PGD-20"
            assert max(gain("table8", (panel, row, "PGD-20"), dense) for row in rows) == known
