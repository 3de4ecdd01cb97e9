"""The opening of a report: its three answers, and the overview of the numbers behind them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from made_records import found_of
from scratchticket.paper import SCALES, paper_recipe
from scratchticket.paper.claims import Place
from scratchticket.paper.report import Found, Records, page
from scratchticket.paper.report.answers import Answer, answers, in_order, overview

QUICK, THREE = SCALES["quick"], replace(SCALES["quick"], seeds=(0, 1, 2))
SMALL, LARGE = "resnet18 / cifar10", "wideresnet32 / cifar10"
TICKET, DENSE = (SMALL, "ticket, robust"), (SMALL, "dense, robust", "")
WORST = (SMALL, "R2S, worst case", "accuracy")


def figure1(values: dict[Place, list[float]], images: int = 1000) -> Found:
    return found_of(paper_recipe("figure1"), THREE, values, images)


def existence(one: Found) -> Answer:
    return answers(one.scale, [one])[0]


def test_the_ticket_of_about_20_percent_answers_for_all() -> None:
    one = figure1({(*TICKET, "5"): [0.6], (*TICKET, "20"): [0.7], (*TICKET, "1"): [0.9]})
    without = figure1({(*TICKET, "5"): [0.6], (*TICKET, "80"): [0.9]})

    assert (
        "a ticket with 20 % of the weights of a random resnet18 of width 16" in existence(one).text
    )
    assert "on digits, " in existence(one).text
    assert "classifies 70.0 % of the test images correctly" in existence(one).text
    assert "under PGD-20 (linf, 0.1)." in existence(one).text
    assert "a ticket with 5 % of the weights" in existence(without).text
    nothing = existence(figure1({(*TICKET, "80"): [0.9]}))
    assert (nothing.short, nothing.text) == ("Not run", "Figure 1 has no ticket of 5 to 40 % yet.")


def test_the_dense_network_is_named_if_it_was_trained() -> None:
    one = existence(figure1({(*TICKET, "5"): [0.6] * 3, DENSE: [0.7] * 3}))

    assert one.text.endswith("; the adversarially trained dense network 70.0 ± 0.0 %.")
    assert one.evidence.startswith("Tickets of 5 to 40 % match the dense network: no; ")
    assert "the difference in points is -10.0 [" in one.evidence
    alone = existence(figure1({(*TICKET, "5"): [0.6] * 3}))
    assert alone.evidence == "Tickets of 5 to 40 % match the dense network: not tested."


@pytest.mark.parametrize(
    ("accuracy", "classes", "short"),
    [
        (0.23, {}, "Yes"),  # 20.5 % or more, at 95 %
        (0.22, {}, "None that resists attack was found"),
        (0.23, {"data.classes": "0,1"}, "None that resists attack was found"),
        (0.54, {"data.classes": "0,1"}, "Yes"),
        (0.23, {"learning.epochs": 1}, "Yes"),
    ],
)
def test_a_ticket_is_robust_if_it_is_above_chance_beyond_its_interval(
    accuracy: float, classes: dict[str, str], short: str
) -> None:
    one = figure1({(*TICKET, "20"): [accuracy]})

    own = replace(one, scale=replace(QUICK, changes=classes))
    assert existence(own).short == short


def test_answers_are_about_the_first_network_that_was_run() -> None:
    one = figure1({(LARGE, "ticket, robust", "20"): [0.5]})
    both = figure1({(LARGE, "ticket, robust", "20"): [0.5], (*TICKET, "5"): [0.6]})

    assert "of a random WideResNet-10-2" in existence(one).text
    assert "of a random resnet18" in existence(both).text
    assert overview([one])[0] == LARGE
    assert overview([both])[0] == SMALL


def test_what_a_switch_is_worth_is_said_with_what_it_is_compared_with() -> None:
    recipe = paper_recipe("table5")
    single, dense = (
        (SMALL, f"{who}, worst case", "accuracy") for who in ("its best ticket", "dense")
    )
    one = found_of(recipe, THREE, {WORST: [0.9] * 3, dense: [0.5] * 3, single: [0.6] * 3})
    alone = found_of(recipe, THREE, {WORST: [0.9] * 3})
    attacked = found_of(recipe, THREE, {(SMALL, "R2S, EOT", "accuracy"): [0.9]})

    answer = answers(THREE, [one])[1]

    assert answer.short == "It gains"
    assert answer.text == (
        "under the strongest attack on each image R2S classifies 90.0 ± 0.0 % of the images "
        "correctly, the dense network 50.0 ± 0.0 %, its best single ticket 60.0 ± 0.0 % "
        "(resnet18 of width 16 on digits)."
    )
    assert answer.evidence.startswith(
        "R2S is more robust than the dense network in the worst case: yes; the difference"
    )
    assert "images correctly (resnet18" in answers(THREE, [alone])[1].text
    assert answers(THREE, [alone])[1].short == "Inconclusive"
    assert answers(THREE, [attacked])[1].short == "Not run"


def test_what_was_reduced_counts_the_numbers_of_one_seed() -> None:
    some = figure1({(*TICKET, "5"): [0.6], (*TICKET, "20"): [0.5, 0.6, 0.7], DENSE: [0.6]})
    full = figure1({(*TICKET, "5"): [0.6] * 3})
    paper = replace(full, scale=SCALES["paper"])

    told = answers(THREE, [some])[2]
    assert told.short == "Scale quick"
    assert told.text.startswith("digits of 8x8 pixels")
    assert told.text.endswith("; 2 of 3 numbers are from one seed, the paper's from 3.")
    assert answers(THREE, [full])[2].text.endswith(
        "every number is from 3 seeds, the paper's from 3."
    )
    assert answers(SCALES["paper"], [paper])[2].short == "Nothing at scale paper"
    mine = replace(THREE, changes={"learning.epochs": 1, "ratio": "0.5"})
    assert answers(mine, [full])[2].text.endswith(
        "; further settings of yours: learning.epochs, ratio."
    )


def test_the_overview_has_every_number_under_its_attack() -> None:
    values: dict[str, dict[Place, list[float]]] = {
        "table5": {
            (SMALL, row, "accuracy"): [0.1 * i]
            for i, row in enumerate(
                ("R2S, EOT", "R2S, Ensemble", WORST[1], "its best ticket, worst case")
                + ("dense, worst case", "dense, PGD-20")
            )
        },
        "table3": {
            (SMALL, "dense", "PGD-20"): [0.61],
            (SMALL, "dense", "natural"): [0.99],
            (SMALL, "R2S, 5, 7, 10, 15, 20, 40 %", "PGD-20"): [0.62],
            (SMALL, "R2S, 5, 7, 10, 15, 20, 30 %", "PGD-20"): [0.98],
        },
        "figure1": {
            DENSE: [0.71],
            (*TICKET, "5"): [0.72],
            (SMALL, "ticket, natural", "5"): [0.97],
            (LARGE, "ticket, robust", "5"): [0.96],
        },
    }
    founds = [found_of(paper_recipe(name), THREE, own) for name, own in values.items()]

    _, groups = overview(founds)

    assert [
        (g.title, g.recipe, [(line.label, line.filled.mean) for line in g.lines]) for g in groups
    ] == [
        (
            "Under PGD-20, linf, 0.1",
            "figure1",
            [
                ("dense network, trained adversarially", 0.71),
                ("ticket of 5 %, never trained", 0.72),
            ],
        ),
        (
            "R2S under PGD-20, linf, 0.1, on one of its tickets (the paper's protocol)",
            "table3",
            [("dense network", 0.61), ("R2S", 0.62)],
        ),
        (
            "R2S under attackers who know its tickets, linf, 0.1",
            "table5",
            [
                ("R2S, PGD-20 on the expected gradient", 0.0),
                ("R2S, PGD-20 on the averaged prediction", 0.1),
                ("R2S, strongest attack on each image", 0.2),
                ("its best ticket, strongest attack on each image", pytest.approx(0.3)),
                ("dense network, strongest attack on each image", 0.4),
            ],
        ),
    ]


def test_a_dot_of_the_overview_stands_at_its_number_with_interval_and_the_papers() -> None:
    one = figure1({(*TICKET, "20"): [0.75], DENSE: [0.8]}, images=100)

    told = page(THREE, [one], Records({}))

    ticket = told[told.index('<div class="dot ticket">') :]
    assert '<circle cx="75.00%"' in ticket
    assert '<circle class="theirs" cx="47.70%"' in ticket  # Figure 1 (a) at 20 %
    assert 'class="interval" x1="65.70%" x2="82.45%"' in ticket
    assert 'aria-label="75.0 %, interval 65.7 to 82.5 %, the paper&#x27;s 47.70 %"' in ticket
    assert '<circle cx="80.00%"' in told[told.index('<div class="dot dense">') :]


def test_figure_1_comes_first_and_the_others_keep_their_order() -> None:
    founds = [found_of(paper_recipe(name), QUICK, {}) for name in ("table5", "figure1", "table1")]

    assert [one.recipe.name for one in in_order(founds)] == ["figure1", "table5", "table1"]
