"""Markdown and HTML show the same numbers, names and verdicts, where readers look for them."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from made_records import found_of, recipe_of, records_of
from scratchticket.paper import SCALES, paper_recipe
from scratchticket.paper.claims import Claim, rows, single_pair
from scratchticket.paper.report import Found, Records, found, page, section
from scratchticket.paper.report.markdown import short_answers
from scratchticket.paper.report.tables import grid, notes

QUICK, THREE = SCALES["quick"], replace(SCALES["quick"], seeds=(0, 1, 2))
NOTHING = Records({})
Rows = list[list[str]]


class Tables(HTMLParser):
    """Collects the text of the tables of each section, row by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sections: dict[str, list[Rows]] = {}
        self.own: list[Rows] = []
        self.cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self.own = self.sections.setdefault(str(dict(attrs).get("id")), [])
        elif tag == "table":
            self.own.append([])
        elif tag == "tr":
            self.own[-1].append([])
        elif tag in {"td", "th"}:
            self.own[-1][-1].append("")
            self.cell = True
        elif tag in {"small", "br"} and self.cell:
            self.own[-1][-1][-1] += " "

    def handle_endtag(self, tag: str) -> None:
        self.cell &= tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self.cell:
            self.own[-1][-1][-1] += data


def plain(text: str) -> str:
    """Return text without marks of Markdown or HTML, with single spaces."""
    text = re.sub(r"<[^>]*>", " ", text).replace("*", "").replace("\xa0", " ")
    return " ".join(re.sub(r"\((.*) in the paper\)", r"\1", text).split())


def of_page(one: Found, known: Records = NOTHING) -> list[Rows]:
    """Return the tables of a recipe's section on the page: claims first, then panels."""
    tables = Tables(page(one.scale, [one], known)).sections[one.recipe.name]
    return [[[plain(cell) for cell in row] for row in table] for table in tables]


def of_markdown(one: Found) -> list[Rows]:
    """Return the tables of a recipe's section in Markdown."""
    blocks = re.findall(r"(?:^\|.*\n?)+", section(one), re.MULTILINE)
    return [
        [
            [
                plain(cell)
                for cell in line.strip("\n").removeprefix("|").removesuffix("|").split("|")
            ]
            for line in block.splitlines()
            if not line.startswith("|---")
        ]
        for block in blocks
    ]


@pytest.mark.parametrize("name", ["figure4", "figure5", "figure7", "table1", "table6", "table9"])
def test_both_forms_show_the_same_tables(name: str) -> None:
    recipe = paper_recipe(name)
    known = records_of(recipe.jobs(THREE))
    one = found(recipe, THREE, known)

    told = of_page(one)

    assert told == of_markdown(one)
    assert len(told) == 1 + len(one.panels)
    assert len(told[0]) == 1 + len(one.claims)
    shown = {cell for table in told[1:] for row in table for cell in row}
    for filled in one.cells:
        assert any(cell.startswith(filled.text()) for cell in shown), filled.text()


def test_verdicts_and_differences_stand_beside_their_claims() -> None:
    places = [("p", row, "x") for row in "abc"]
    claims = (
        Claim("a above b", ">", rows("a", "b"), ("4.2, ResNet18", "robust"), "a wins"),
        Claim("b above a", ">", rows("b", "a"), short="b loses", denied=True),
        Claim("a like c", "~", rows("a", "c"), short="a and c match"),
        Claim("a like b", "<=", rows("a", "b")),
    )
    one = found_of(
        recipe_of(places, claims=claims), THREE, {places[0]: [0.9] * 3, places[1]: [0.1] * 3}
    )

    claimed, _ = of_page(one)

    assert claimed[0] == ["claim", "the paper's difference", "ours (points)", "verdict"]
    assert [[row[0], row[1], row[3]] for row in claimed[1:]] == [
        ["a above b", "-2.08", "holds"],
        ["b above a", "", "does not hold"],
        ["a like c", "", "not tested at this scale"],
        ["a like b", "", "does not hold"],
    ]
    assert claimed[1][2].startswith("+80.0 [")
    assert claimed[2][2].startswith("-80.0 [")
    tested = [row for row in claimed if row[3] != "not tested at this scale"]
    assert tested == of_markdown(one)[0]
    assert "1 claim is not tested at this scale." in section(one)
    assert short_answers(one) == ["A wins: yes", "B loses: yes", "Not tested: 1 more"]
    told = page(THREE, [one], NOTHING)
    counted = Tables(told).sections["verdicts"][0]
    assert plain(counted[1][2]) == "a wins: yes b loses: yes a and c match: not tested"
    assert plain(counted[1][3]) == "holds 1, does not hold 2, not tested at this scale 1"
    assert plain(counted[1][4]) == "2 of 3"
    for verdict, kind in (("holds", "holds"), ("does not hold", "does-not-hold"), ("yes", "yes")):
        assert f'<span class="verdict {kind}">{verdict}</span>' in told
    assert '<span class="verdict not-tested">not tested at this scale</span>' in told


def test_claims_have_no_column_of_the_papers_where_it_prints_no_difference() -> None:
    places = [("p", "a", "x"), ("p", "b", "x")]
    recipe = recipe_of(places, claims=(Claim("a above b", ">", rows("a", "b")),))
    one = found_of(recipe, THREE, dict.fromkeys(places, [0.5] * 3))

    assert of_page(one)[0][0] == of_markdown(one)[0][0] == ["claim", "ours (points)", "verdict"]


def test_rows_of_curves_are_ratios_in_their_order_and_the_dense_network_last() -> None:
    known = {("p", "ticket", column): [0.1 * i] for i, column in enumerate(("20", "5", "100"))}
    known["p", "dense", ""] = [0.9]
    one = found_of(recipe_of(known, "curves"), QUICK, known)

    numbers = grid(one, "p")

    assert [name.ours for name in numbers.columns] == ["ticket", "dense"]
    assert [name.ours for name, _ in numbers.rows] == ["5 %", "20 %", "100 %", "any ratio"]
    assert [[filled and filled.text() for filled in cells] for _, cells in numbers.rows] == [
        ["10.0", None],
        ["0.0", None],
        ["20.0", None],
        [None, "90.0"],
    ]
    assert numbers.corner == "remaining ratio"
    assert of_page(one)[1] == of_markdown(one)[0]


def test_rows_without_any_number_are_left_out_but_not_those_of_the_papers() -> None:
    places = [("p", row, "x") for row in ("ours", "nobody's", "theirs")]
    recipe = recipe_of(places)
    one = found_of(recipe, QUICK, {places[0]: [0.5]})
    theirs = replace(one.cells[2], cell=replace(one.cells[2].cell, published=12.5))
    one = replace(one, cells=(*one.cells[:2], theirs))

    assert [name.ours for name, _ in grid(one, "p").rows] == ["ours", "theirs"]
    assert of_page(one)[1] == of_markdown(one)[0]
    assert of_page(one)[1][1:] == [
        ["ours", "50.0 [46.9, 53.1] n=1"],
        ["theirs", "– 12.50"],
    ]


def test_a_matrix_has_the_attacked_networks_as_rows() -> None:
    names = ("3 %", "5 %")
    places = [("p", row, column) for row in names for column in names]
    known = {place: [i / 10] for i, place in enumerate(places)}
    one = found_of(recipe_of(places, "matrix"), QUICK, known)

    table = of_markdown(one)[0]

    assert table[0] == ["attacked ↓ evaluated →", "3 %", "5 %"]
    assert [[cell.split()[0] for cell in row[1:]] for row in table[1:]] == [
        ["0.0", "10.0"],
        ["20.0", "30.0"],
    ]
    assert table[1][0] == "3 %"


def test_a_difference_from_the_paper_is_ours_minus_theirs() -> None:
    one = found_of(recipe_of([("p", "a", "x")]), THREE, {("p", "a", "x"): [0.5, 0.6, 0.55]})
    (filled,) = one.cells
    printed = replace(filled, cell=replace(filled.cell, published=57.25))
    distance = replace(
        printed, values=tuple(v._replace(images=0, value=60.0) for v in filled.values)
    )

    assert notes(printed)[0] == "-2.2"
    assert notes(printed)[-1] == "n=3"
    assert notes(distance) == ["+2.8", "n=3"]
    assert notes(replace(printed, values=())) == []


def test_names_are_ours_with_the_papers_beside_them() -> None:
    recipe = paper_recipe("table3")
    small = SCALES["small"]
    one = found_of(
        recipe, small, {("resnet18 / cifar10", "R2S, 5, 7, 10, 15, 20, 30 %", "natural"): [0.5]}
    )
    name = "resnet18 of width 16 on 20,000 images of CIFAR-10"

    told = section(one)

    assert f"**{name} (*resnet18 / cifar10* in the paper)**" in told
    assert "| R2S, 5, 10, 20 % (*R2S, 5, 7, 10, 15, 20, 30 %* in the paper) |" in told
    assert "| natural | PGD-20 |" in told
    quick = found_of(
        paper_recipe("table6"), QUICK, {("resnet18 / cifar10", "dense", "Bandits, 12/255"): [0.5]}
    )
    assert "Bandits, epsilon 0.15 (*12/255* in the paper)" in section(quick)


METHODS = {  # of rows, as the filter of the page names them
    "ticket": "ticket",
    "ticket, 5 %": "ticket",
    "xavier_normal": "ticket",
    "dense, PGD-20": "dense network",
    "naturally trained": "dense network",
    "random": "random network",
    "fine-tuned, new": "fine-tuned ticket",
    "natural RTT": "natural RTT",
    "adversarial RTT": "adversarial RTT",
    "transferred RTT": "transferred RTT",
    "R2S, EOT": "R2S",
    "R2S, 3, 5 % of random tickets": "R2S",
}


def options(told: str, name: str) -> list[str]:
    """Return the choices of a filter, but for all."""
    (menu,) = re.findall(rf'<select name="{name}">(.*?)</select>', told)
    everything, *values = re.findall(r'<option value="(.*?)">', menu)
    assert everything == ""
    return values


def test_filters_know_every_method_network_data_set_and_ratio_shown() -> None:
    places = [("wideresnet32 / svhn", row, "x") for row in METHODS]
    places += [("imagenet, 2/255", "resnet50, ticket of 40 %", "x")]
    shown = found_of(recipe_of(places), QUICK, dict.fromkeys(places, [0.5]))
    curve = [("resnet18 / cifar100", "ticket", percent) for percent in ("20", "3")]
    curves = found_of(recipe_of(curve, "curves", name="other"), QUICK, dict.fromkeys(curve, [0.5]))

    told = page(QUICK, [shown, curves], NOTHING)

    for row, method in METHODS.items():
        assert re.search(rf'data-method="{method}"><th scope="row">{re.escape(row)[:6]}', told)
    assert set(options(told, "method")) == set(METHODS.values())
    assert options(told, "network") == ["wideresnet32", "resnet50", "resnet18"]
    assert options(told, "data") == ["svhn", "imagenet", "cifar100"]
    assert options(told, "ratio") == ["3", "5", "20"]
    assert '<option value="svhn">digits 0-4 (svhn)</option>' in told
    assert '<option value="resnet18">resnet18</option>' in told
    assert 'data-network="resnet18"\n data-data="cifar100" data-methods="ticket"' in told


EVIL = "<b>&\"'"


def test_no_name_or_text_of_a_recipe_becomes_markup() -> None:
    place = tuple(f"{name}{EVIL}" for name in ("panel", "row", "column"))
    panel, row, column = place
    claim = Claim(f"text{EVIL}", ">", single_pair((panel, row, column), (panel, row, column)))
    recipe = recipe_of([(panel, row, column)], claims=(replace(claim, short=f"short{EVIL}"),))
    recipe = replace(recipe, unit=f"unit{EVIL}")
    recipe.cells.__doc__ = f"question{EVIL}\n\nExpect  hope{EVIL}\nDeviations  far{EVIL}\n"
    known = records_of(recipe.jobs(QUICK))

    told = page(QUICK, [found(recipe, QUICK, known)], known)

    for name in (*(p.removesuffix(EVIL) for p in place), "text", "short", "unit", "question"):
        assert f"{name}&lt;b&gt;&amp;" in told, name
    assert "hope&lt;b&gt;" in told
    assert "far&lt;b&gt;" in told
    assert "<b>&" not in told


def test_a_number_is_linked_with_the_job_of_its_first_seed_that_was_run() -> None:
    recipe = recipe_of([("p", "a", "x")])
    (cell,) = recipe.cells(THREE)
    known = records_of(cell.jobs[1:])

    told = page(THREE, [found(recipe, THREE, known)], known)

    assert f'<a href="#job-{cell.jobs[1].id[:16]}">' in told
    jobs = Tables(told).sections["records"][0]
    wanted = ["job", "description", "seed", "attacks", "result", "seconds", "device", "used in"]
    assert jobs[0] == wanted
    assert [row[1:4] for row in jobs[1:]] == [["p a x", "2", "pgd-20"], ["p a x", "3", "pgd-20"]]
    assert [row[-1] for row in jobs[1:]] == ["Made up"] * 2


def test_what_was_not_run_is_said_in_both_forms() -> None:
    nothing = found_of(recipe_of([("p", "a", "x")], name="table1"), QUICK, {})

    told = page(QUICK, [nothing], NOTHING)

    assert "Not run at this scale." in told
    assert "Not run at this scale." in section(nothing)
    assert Tables(told).sections["verdicts"][0][1][2] == "not run"
    assert short_answers(nothing) == []


def test_the_page_is_the_same_whatever_was_made_before() -> None:
    recipe = paper_recipe("figure4")
    known = records_of(recipe.jobs(THREE))
    first = page(THREE, [found(recipe, THREE, known)], known)
    page(QUICK, [found_of(recipe_of([("p", "a", "x")]), QUICK, {})], NOTHING)

    assert page(THREE, [found(recipe, THREE, known)], known) == first
    assert section(found(recipe, THREE, known)) == section(found(recipe, THREE, known))
