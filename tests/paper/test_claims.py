"""Every claim compares the numbers that its text is about, in its direction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from scratchticket.paper import NAMES, SCALES, paper_recipe, studies
from scratchticket.paper.cells import Measured
from scratchticket.paper.claims import Claim, Place, Values
from scratchticket.paper.published import difference_text
from scratchticket.paper.recipes import searches

SMALL, LARGE = "resnet18 / cifar10", "wideresnet32 / cifar10"
ALL = (SMALL, "resnet18 / cifar100", LARGE, "wideresnet32 / cifar100")
BOTH_DATA, BOTH_NETWORKS = ALL[:2], (SMALL, LARGE)
INITS = tuple(f"{panel}, inits" for panel in BOTH_DATA)
TEN = ("1", "3", "5", "7", "10", "15", "20", "40", "60", "80")
LOW = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "15", "20")
EVERY = (*LOW, "30", "40", "50", "60", "70", "80", "90")
PLATEAU = EVERY[4:14]
ROBUST, NATURAL, DENSE = "ticket, robust", "ticket, natural", "dense, robust"
INHERITED, NEW = "fine-tuned, inherited", "fine-tuned, new"
NATURAL_RTT, RTT, MOVED = "natural RTT", "adversarial RTT", "transferred RTT"
R50, R101 = "resnet50, ticket of 40 %", "resnet101, ticket of 25 %"
AUTO = ("AutoAttack, 8/255", "AutoAttack, 12/255")
FIVE = "ticket, 5 %"
SETS = ("R2S, 3, 5, 7, 10 %", "R2S, 3, 5, 7, 10, 15, 20, 30 %", "R2S, 7, 10, 15, 20, 30 %")
RTT_SETS = ("R2S, 3, 5, 7, 10 %", "R2S, 3, 5, 7, 10, 15, 20, 40 %", "R2S, 7, 10, 15, 20, 40 %")
DIGIT_PANEL = ("ResNet18 of width 16 on digits",)
PRINTED = "R2S, 5, 7, 10, 15, 20, 30 %"  # in the caption of Table 3, whose numbers are of
TABLE_3 = "R2S, 5, 7, 10, 15, 20, 40 %"


class Compared(NamedTuple):
    """What a claim compares.

    Attributes:
        left: Row of the first numbers.
        sign: Its direction.
        right: Row of the second numbers.
        panels: Panels of the first numbers.
        columns: Columns of the first numbers.
        printed: Difference that the paper's text prints.
        right_columns: Columns of the second numbers, each with each; those of the first if empty.
        right_panel: Panel of the second numbers; that of the first if empty.
        denied: Whether its short form asks for the opposite.
    """

    left: str
    sign: str
    right: str
    panels: Iterable[str]
    columns: Iterable[str]
    printed: str = ""
    right_columns: tuple[str, ...] = ()
    right_panel: str = ""
    denied: bool = False

    def pairs(self) -> set[tuple[Place, Place]]:
        return {
            ((panel, self.left, column), (self.right_panel or panel, self.right, other))
            for panel in self.panels
            for column in self.columns
            for other in self.right_columns or (column,)
        }


def at(level: int) -> tuple[Compared, ...]:
    """Return the claims of Figure 6 at an epsilon."""
    tuned, rtts = ((f"{SMALL}, {level}/255, {about}",) for about in ("fine-tuned", "RTTs"))
    return (
        Compared("ticket", "~", INHERITED, tuned, TEN),
        Compared(INHERITED, ">", NEW, tuned, TEN),
        Compared(RTT, ">", "ticket", rtts, TEN),
        Compared("ticket", ">", NATURAL_RTT, rtts, TEN),
    )


def by_init(panels: tuple[str, ...]) -> tuple[Compared, ...]:
    others = ("kaiming_normal", "kaiming_uniform", "xavier_normal")
    return tuple(Compared("signed_kaiming_constant", ">", o, panels, TEN) for o in others)


def on_imagenet(level: int, natural: str, robust: str) -> tuple[Compared, ...]:
    return tuple(
        Compared(R101, ">", "resnet18, dense", (f"imagenet, {level}/255",), (column,), printed)
        for column, printed in (("natural", natural), ("robust", robust))
    )


STRONG = "ticket, 10 %, the strong search"
CLAIMS: dict[str, tuple[Compared, ...]] = {
    "figure1": (
        Compared(ROBUST, "~", DENSE, ALL, PLATEAU, right_columns=("",)),
        Compared(ROBUST, "~", DENSE, (SMALL,), ("20",), "-2.08", ("",)),
        Compared(NATURAL, "~", "dense, natural", (SMALL,), ("20",), "-2.43", ("",)),
        Compared(ROBUST, ">", DENSE, (LARGE,), ("10",), "+1.14", ("",), SMALL),
        Compared(
            "ticket, natural", ">", "dense, natural", (LARGE,), ("10",), "+1.72", ("",), SMALL
        ),
        Compared(ROBUST, ">", ROBUST, ALL, ("10", "20"), right_columns=("1", "2", "3")),
        Compared(ROBUST, ">", ROBUST, ALL, ("10", "20"), right_columns=("80", "90")),
        *by_init(INITS),
        Compared("element", ">", "row", (f"{SMALL}, patterns",), TEN),
        Compared("row", ">", "kernel", (f"{SMALL}, patterns",), TEN),
        Compared("kernel", ">", "channel", (f"{SMALL}, patterns",), TEN),
        Compared("pgd", ">", "fgsm", (f"{SMALL}, inner attacks",), TEN),
        Compared("pgd", ">", "fgsm-rs", (f"{SMALL}, inner attacks",), TEN),
    ),
    "figure2": (
        Compared(INHERITED, "~", "ticket", ALL, LOW, "-0.22 to +3.52"),
        Compared(INHERITED, ">", NEW, ALL, LOW),
        Compared(NEW, "<=", "ticket", ALL, LOW[4:]),
    ),
    "figure3": (
        Compared(RTT, ">", "ticket", ALL, EVERY),
        Compared("ticket", ">", NATURAL_RTT, ALL, EVERY, denied=True),
    ),
    "figure4": (
        Compared(
            "naturally trained",
            ">",
            "adversarially trained",
            (SMALL,),
            ("8/255", "12/255", "16/255"),
        ),
    ),
    "figure5": (
        Compared(RTT, ">", INHERITED, (SMALL,), EVERY),
        Compared(RTT, ">", "ticket", (SMALL,), EVERY),
    ),
    "figure6": (*at(12), *at(16)),
    "figure8": (
        Compared("ticket", ">", MOVED, BOTH_DATA[1:], TEN, denied=True),
        Compared("ticket", ">", MOVED, BOTH_DATA[1:], ("5",), "+1.68"),
        Compared(RTT, ">", MOVED, BOTH_DATA[1:], TEN),
    ),
    "figure9": by_init(INITS),
    "figure10": (
        Compared("ticket", "~", INHERITED, ALL, EVERY),
        Compared(INHERITED, ">", NEW, ALL, LOW),
        Compared("ticket", "~", NEW, BOTH_DATA, EVERY),
    ),
    "figure11": (
        Compared("ticket", "~", NATURAL_RTT, ALL, EVERY),
        Compared("ticket", "~", RTT, ALL, EVERY),
        Compared(RTT, ">", NATURAL_RTT, ALL, EVERY),
    ),
    "figure14": (
        Compared("ticket", ">", MOVED, ("resnet18 / svhn",), TEN, "at most +2.75", denied=True),
        Compared("ticket", ">", MOVED, (SMALL,), TEN, denied=True),
    ),
    "table1": (
        *on_imagenet(2, "+4.31", "+3.56"),
        *on_imagenet(4, "+4.43", "+1.22"),
        Compared(R101, ">", R50, ("imagenet, 2/255", "imagenet, 4/255"), ("natural",)),
        Compared(R101, ">", R50, ("imagenet, 2/255", "imagenet, 4/255"), ("robust",)),
    ),
    "table3": (
        Compared(
            "R2S, 5, 7, 10, 15, 20, 30 %",
            ">",
            "dense",
            ALL,
            ("PGD-20",),
            "+13.74 to +15.28 on CIFAR-10",
        ),
    ),
    "table4": (
        Compared("R2S", ">", "dense", BOTH_NETWORKS, AUTO, "+5.53 to +8.94"),
        Compared("R2S", ">", "dense", BOTH_NETWORKS, ("CW-Inf, 8/255", "CW-Inf, 12/255")),
    ),
    "table5": (
        Compared("R2S, EOT", ">", "dense, PGD-20", ALL, ("accuracy",), "+7.40 to +9.83"),
        Compared("R2S, Ensemble", ">", "dense, PGD-20", ALL, ("accuracy",), "+7.40 to +9.83"),
        Compared("R2S, worst case", ">", "dense, worst case", ALL, ("accuracy",)),
        Compared("R2S, worst case", ">", "its best ticket, worst case", ALL, ("accuracy",)),
    ),
    "table6": (
        Compared(FIVE, "~", "dense", BOTH_NETWORKS, AUTO),
        Compared(FIVE, "~", "dense", (LARGE,), AUTO[:1], "-0.76"),
        Compared(FIVE, "~", "dense", (LARGE,), AUTO[1:], "-0.21"),
        Compared(FIVE, ">", "dense", (LARGE,), AUTO[:1], "+2.51", right_panel=SMALL),
        Compared(FIVE, ">", "dense", (LARGE,), AUTO[1:], "+3.63", right_panel=SMALL),
        Compared(FIVE, ">", "dense", (LARGE,), AUTO[:1], "+2.51", right_panel=SMALL),
        Compared(FIVE, ">", "dense", (LARGE,), ("CW-Inf, 8/255",), "+2.80", right_panel=SMALL),
    ),
    "table7": tuple(
        Compared(row, ">", "the ticket itself", (SMALL,), [f"{p} %" for p in TEN[1:9]], denied=True)
        for row in ("dense natural", "dense adversarial", "same ratio, other seed")
    ),
    "table8": (  # of the best of some sets that are equal, here, the first is compared
        *(Compared(name, ">", "dense", ALL, ("PGD-20",)) for name in SETS),
        *(
            Compared(SETS[0], ">", "dense", (panel,), ("PGD-20",), printed)
            for panel, printed in zip(ALL, ("+13.83", "+13.62", "+15.59", "+13.70"), strict=True)
        ),
        Compared(SETS[1], ">", SETS[0], ALL, ("PGD-20",)),
    ),
    "table9": (
        *(Compared(name, ">", "dense", BOTH_DATA, ("PGD-20",)) for name in RTT_SETS),
        Compared(RTT_SETS[0], ">", "dense", (SMALL,), ("PGD-20",), "+14.95"),
        Compared(RTT_SETS[0], ">", "dense", BOTH_DATA[1:], ("PGD-20",), "+15.09"),
        Compared(TABLE_3, ">", f"{TABLE_3} of random tickets", (SMALL,), ("PGD-20",), "+0.84"),
        Compared(TABLE_3, ">", f"{TABLE_3} of random tickets", (SMALL,), ("natural",), "+1.58"),
    ),
    "cifar10": (
        *(Compared(f"ticket, {p} %", "~", "dense", (SMALL,), ("PGD-20",)) for p in (5, 10, 20)),
        Compared("ticket, 10 %", ">", FIVE, (SMALL,), ("PGD-20",)),
    ),
    "attacks": tuple(
        Compared(f"ticket, {p} %", "~", "dense", DIGIT_PANEL, ("worst case, 8/255",))
        for p in (10, 20)
    ),
    "cifar10-full": (
        *(
            Compared(row, "~", "dense", (SMALL,), ("AutoAttack",))
            for row in ("ticket, 10 %, the paper's search", STRONG)
        ),
        Compared(STRONG, ">", "ticket, 10 %, the paper's search", (SMALL,), ("AutoAttack",)),
    ),
    "beside": (Compared("drawn beside each other", ">", "drawn alone", (SMALL,), ("worst case",)),),
    "precision": tuple(
        Compared(name, "~", "float32", DIGIT_PANEL, ("PGD-20",))
        for name in ("bfloat16", "contiguous float32", "compiled float32", "compiled bfloat16")
    ),
}


def numbers_at_every_place(name: str) -> Values:
    """Return the same numbers for every place of a recipe."""
    recipe = paper_recipe(name)
    scale = SCALES["paper" if name in NAMES else recipe.scales[-1]]
    cells = recipe.cells(scale)
    return {(c.panel, c.row, c.column): [Measured(0.5, 400)] for c in cells}


def compared(claim: Claim, values: Values) -> list[tuple[Place, Place]]:
    """Return the places of the pairs that a claim compares; a pair without a number is none."""
    places = {id(numbers): place for place, numbers in values.items()}
    pairs = [(left, right) for left, right in claim.pairs(values) if left and right]
    return [(places[id(left)], places[id(right)]) for left, right in pairs]


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_compare_what_they_are_about(name: str) -> None:
    values = numbers_at_every_place(name)
    claims = paper_recipe(name).claims

    for claim, wanted in zip(claims, CLAIMS[name], strict=True):
        found = compared(claim, values)
        assert len(found) == len(set(found))
        assert set(found) == wanted.pairs(), claim.text
        assert (claim.sign, claim.denied) == (wanted.sign, wanted.denied), claim.text
        printed = difference_text(*claim.printed) if claim.printed else ""
        assert printed == wanted.printed, claim.text


@pytest.mark.parametrize("index", range(3))
def test_at_an_l2_radius_every_ticket_is_compared_with_its_dense_network(index: int) -> None:
    radius = ("l2, 0.50", "l2, 1.71", "l2, 2.00")[index]
    claim = paper_recipe("table2").claims[index]

    found = compared(claim, numbers_at_every_place("table2"))

    assert claim.sign == ">"
    assert sorted(found) == sorted(
        ((panel, f"ticket, {percent} %", radius), (panel, "dense", radius))
        for panel in BOTH_NETWORKS
        for percent in (5, 7, 10, 15, 20)
    )


@pytest.mark.parametrize(("name", "size"), [("figure7", 8), ("figure12", 8), ("figure13", 7)])
def test_transferred_attacks_are_compared_with_those_on_the_evaluated_ticket(
    name: str, size: int
) -> None:
    values = numbers_at_every_place(name)
    claims = paper_recipe(name).claims

    for claim, ending in zip(claims, ("stopped at the first success", "to the end"), strict=True):
        found = compared(claim, values)
        panels = {left[0] for left, _ in found}
        assert panels == {panel for panel, *_ in values if panel.endswith(ending)}
        assert len(found) == len(set(found)) == len(panels) * size * (size - 1)
        for (panel, row, column), own in found:
            assert row != column
            assert own == (panel, column, column)
        assert (claim.sign, claim.denied) == (">", True)


@pytest.mark.parametrize(("name", "sets"), [("table8", SETS), ("table9", RTT_SETS)])
def test_the_paper_s_gains_are_those_of_the_most_robust_set(
    name: str, sets: tuple[str, ...]
) -> None:
    values = dict(numbers_at_every_place(name))
    gains = [claim for claim in paper_recipe(name).claims if claim.text.startswith("The best")]
    for best in sets:
        own = {place: [Measured(0.6, 400)] for place in values if place[1:] == (best, "PGD-20")}

        for claim in gains:
            ((left, right),) = compared(claim, values | own)
            assert (left[1:], right[1:]) == ((best, "PGD-20"), ("dense", "PGD-20"))


DIGITS = (  # rows of the study on digits, but for relatives at each epsilon
    "ticket, 10 % ~ dense",
    "ticket, 20 % ~ dense",
    "ticket, 10 % > ticket, 1 %",
    "ticket, 10 % > ticket, 90 %",
    "ticket, 10 % > init kaiming_normal",
    "ticket, 10 % > init kaiming_uniform",
    "ticket, 10 % > init xavier_normal",
    "ticket, 10 % > pattern row",
    "ticket, 10 % > pattern kernel",
    "ticket, 10 % > pattern channel",
    "ticket, 10 % > attack fgsm",
    "ticket, 10 % > attack fgsm-rs",
    "digits 0-4, ticket > digits 0-4, transferred RTT",
    "digits 5-9, ticket > digits 5-9, transferred RTT",
    "ticket, 10 % > control: narrow dense",
    "ticket, 10 % > control: random mask",
    "ticket, 10 % > control: magnitude-pruned",
    "ticket, 10 % > control: magnitude-pruned, fine-tuned",
    *(f"ticket, 10 %{end} ~ dense{end}" for end in (", epsilon x 1.5", ", epsilon x 2")),
    *(
        line.format(end)
        for end in ("", ", epsilon x 1.5", ", epsilon x 2")
        for line in (
            "ticket, 10 %{0} ~ fine-tuned inherited{0}",
            "fine-tuned inherited{0} > fine-tuned new{0}",
            "RTT adversarial{0} > ticket, 10 %{0}",
            "ticket, 10 %{0} > RTT natural{0}",
        )
    ),
)


def test_claims_on_digits_compare_robust_accuracies() -> None:
    values = numbers_at_every_place("digits")
    found = []
    for claim in paper_recipe("digits").claims:
        ((left, right),) = compared(claim, values)
        assert left[2] == right[2] == "PGD-20"
        found.append(f"{left[1]} {claim.sign} {right[1]}")

    assert sorted(found) == sorted(DIGITS)


def test_other_searches_are_compared_with_the_base_and_with_the_papers() -> None:
    claims = paper_recipe("searches").claims
    sgd, adam, normalised, strong, uncropped, normalised_uncropped = claims[:6]
    steps, steps_uncropped, dense, strong_dense, *left_out = claims[6:13]
    cheap, tenth, strong_tenth, together = claims[13:17]
    parts = claims[17:]
    values = numbers_at_every_place("searches")
    both, apgd = "budget by size, batches of 16", "APGD-CE and targeted APGD"

    def rows(claim: Claim) -> set[tuple[str, str, str, str, str]]:
        return {(a[1], claim.sign, b[1], a[2], a[0]) for a, b in compared(claim, values)}

    def at_both(
        left: str, sign: str, right: str, *more: str
    ) -> set[tuple[str, str, str, str, str]]:
        panels = (f"{SMALL}, 10 %", f"{SMALL}, 1 %")
        columns = ("PGD-20", "margin-PGD-20", *more)
        return {(left, sign, right, column, panel) for column in columns for panel in panels}

    for claim, name in (
        (sgd, both),
        (adam, f"{both}, Adam"),
        (normalised, f"{both}, normalised steps"),
    ):
        left = f"{name}, at the paper's cost"
        assert rows(claim) == at_both(left, ">", "paper", apgd)
    for claim in (strong, uncropped, normalised_uncropped, steps_uncropped, strong_dense):
        assert not rows(claim)  # digits are never cropped
    assert not any(map(rows, (*left_out, strong_tenth)))
    assert rows(steps) == at_both(searches.NORMALISED_AS_LONG, ">", searches.AS_LONG, apgd)
    as_long = at_both(f"{both}, at the paper's cost", "~", searches.DENSE_ALIKE, apgd)
    assert rows(dense) == {pair for pair in as_long if pair[-1].endswith(", 10 %")}
    assert rows(cheap) == at_both("paper", "<=", both)
    assert rows(tenth) == at_both("paper", "<=", f"{both}, at a tenth of PGD-7's cost")
    assert rows(together) == at_both(both, ">", "N-FGSM")
    for claim in parts:
        _, name, _ = claim.text.split('"')
        assert rows(claim) == at_both(name, ">", "N-FGSM")


@pytest.mark.parametrize("name", ["fewer-steps", "fewer-steps-cifar10"])
def test_every_cheaper_search_is_compared_with_the_first_of_its_panel(name: str) -> None:
    values = numbers_at_every_place(name)
    listed: dict[str, list[str]] = {}
    for panel, row, _ in values:
        if row not in listed.setdefault(panel, []):
            listed[panel].append(row)
    found = []
    for claim in paper_recipe(name).claims:
        ((left, right),) = compared(claim, values)
        assert claim.sign == "<="
        assert left[2] == right[2] == "PGD-20"
        assert left[0] == right[0]
        found.append((left[0], left[1], right[1]))

    assert found == [
        (panel, first, other) for panel, (first, *others) in listed.items() for other in others
    ]
    assert all(first.startswith("PGD-7") for first, *_ in listed.values())


def test_every_claim_is_looked_at() -> None:
    matrices = {"table2", "figure7", "figure12", "figure13"}
    own = {"digits", "searches", "fewer-steps", "fewer-steps-cifar10"}

    assert CLAIMS.keys() | matrices | own == {*NAMES, *studies()}
