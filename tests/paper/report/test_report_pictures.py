"""Pictures show each number at its place, with the paper's beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from made_records import found_of, recipe_of
from scratchticket.paper import SCALES
from scratchticket.paper.claims import Place
from scratchticket.paper.paper import Shape
from scratchticket.paper.report import Found
from scratchticket.paper.report.figures import _bars, _curves, _matrix, description, picture_of

QUICK = SCALES["quick"]


def made(
    shape: Shape, values: dict[Place, list[float]], theirs: dict[Place, float] | None = None
) -> Found:
    """Return what was found for a recipe, with some numbers of the paper's."""
    one = found_of(
        recipe_of([*values, *(theirs or {})], shape), QUICK, {p: v for p, v in values.items() if v}
    )
    cells = (
        replace(
            f,
            cell=replace(
                f.cell, published=(theirs or {}).get((f.cell.panel, f.cell.row, f.cell.column))
            ),
        )
        for f in one.cells
    )
    return replace(one, cells=tuple(cells))


@pytest.fixture
def axes() -> Axes:
    return Figure().subplots()


def test_a_curve_goes_through_its_numbers_and_a_dotted_one_through_the_papers(axes: Axes) -> None:
    one = made(
        "curves",
        {("p", "ticket", "5"): [0.5, 0.7], ("p", "ticket", "20"): [], ("p", "dense", ""): [0.9]},
        {("p", "ticket", "20"): 47.7, ("p", "dense", ""): 50.19},
    )

    _curves(axes, one, one.panels["p"])

    ours, theirs, legend, level, theirs_level = axes.lines
    assert (list(ours.get_xdata()), list(ours.get_ydata())) == ([5], [pytest.approx(60)])
    assert (list(theirs.get_xdata()), list(theirs.get_ydata())) == ([20], [47.7])
    assert (ours.get_linestyle(), theirs.get_linestyle()) == ("-", ":")
    assert theirs.get_markerfacecolor() == "none"
    assert ours.get_color() == theirs.get_color() != level.get_color()
    assert list(level.get_ydata()) == [90, 90]
    assert list(theirs_level.get_ydata()) == [50.19, 50.19]
    assert (ours.get_label(), legend.get_label()) == ("ticket", "dense")
    assert level.get_linestyle() == "--"


def test_a_matrix_has_sources_from_top_to_bottom_and_evaluated_tickets_from_left_to_right(
    axes: Axes,
) -> None:
    names = ("3 %", "5 %")
    values = {("p", row, column): [0.1] for row in names for column in names}
    values["p", "3 %", "5 %"], values["p", "5 %", "3 %"] = [0.9], [0.44]
    one = made("matrix", values)

    _matrix(axes, one, one.panels["p"])

    assert axes.images[0].get_array().tolist() == [[10, 90], [44, 10]]  # type: ignore[union-attr]
    texts = {text.get_position(): text for text in axes.texts}
    assert texts[1, 0].get_text() == "90"
    assert texts[0, 1].get_text() == "44"
    assert texts[1, 0].get_color() == "black"  # on a light ground
    assert texts[0, 1].get_color() == "white"
    assert [label.get_text() for label in axes.get_yticklabels()] == list(names)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("evaluated ticket", "attacked ticket")


def test_bars_stand_side_by_side_over_their_column(axes: Axes) -> None:
    places = [("p", row, column) for row in ("random", "trained") for column in ("8/255", "12/255")]
    one = made("bars", {place: [float(index)] for index, place in enumerate(places, start=1)})

    _bars(axes, one, one.panels["p"])

    assert [(round(bar.get_center()[0], 6), bar.get_height()) for bar in axes.patches] == [  # type: ignore[attr-defined]
        (-0.2, 1),
        (0.8, 2),
        (0.2, 3),
        (1.2, 4),
    ]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["epsilon 0.1", "epsilon 0.15"]


def test_a_picture_is_described_by_its_lines_and_its_highest_number() -> None:
    values = {("resnet18 / cifar10", "a", "5"): [0.5], ("resnet18 / cifar10", "b", ""): [0.75]}
    one = made("curves", values | {("resnet18 / cifar10", "c", "5"): []})
    lower = made("curves", {place: [1 - v[0]] for place, v in values.items()})

    told = description(one, "resnet18 / cifar10")

    assert told == (
        "Made up, resnet18 of width 16 on digits: accuracy (%) of a, b, c. "
        "Highest: 75.0 of b. The table has all numbers."
    )
    assert "Highest: 50.0 of a at 5." in description(lower, "resnet18 / cifar10")


def test_the_legend_names_the_papers_line_only_where_there_is_one() -> None:
    values = {("p", "ticket", "5"): [0.5]}

    ours = picture_of(made("curves", values), "p") or ""
    both = picture_of(made("curves", values, {("p", "ticket", "20"): 47.7}), "p") or ""

    assert "the paper's" not in ours
    assert "the paper's" in both
    assert ">ticket</text>" in ours


def test_ids_of_two_pictures_differ() -> None:
    """Both stand on one page, where a second id would take the first one's clip path."""
    values = {(panel, "ticket", "5"): [0.5] for panel in ("p", "q")}
    one = made("curves", values)

    first, second = (picture_of(one, panel) or "" for panel in ("p", "q"))

    def ids(text: str) -> set[str]:
        return {part.split('"')[0] for part in text.split('id="')[1:]}

    assert ids(first)
    assert not ids(first) & ids(second)
    assert "url(#made-up-p-" in first
    assert picture_of(made("table", {("p", "a", "x"): [0.5]}), "p") is None
