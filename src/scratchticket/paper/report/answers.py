"""The opening of the report: three questions with answers, and the numbers behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scratchticket.base.accuracy import percent
from scratchticket.paper import Scale
from scratchticket.paper.cells import EVERY
from scratchticket.paper.claims import Judged
from scratchticket.paper.parts import ACTUAL_SET, CIFAR, DENSE_ROW, PLATEAU, panel
from scratchticket.paper.recipes.adaptive import (
    ACCURACY,
    AT_WORST,
    ENSEMBLE,
    EOT,
    SINGLE,
    WORST,
    WORST_DENSE,
)
from scratchticket.paper.recipes.r2s import PGD, named
from scratchticket.paper.recipes.ratio_curves import DENSE, MATCH, TICKET
from scratchticket.paper.report.found import Filled, Found
from scratchticket.paper.scale import SEEDS

CHANCE = 0.2  # accuracy of guessing among five classes, the fewest in Figure 1 at any scale
PERCENT = 20  # remaining percent of the ticket that Sec. 4.2 compares with the dense network
PANELS = tuple(panel(*pair) for pair in CIFAR)
Founds = Mapping[str, Found]  # by name of the recipe


@dataclass(frozen=True)
class Answer:
    """A question with its answer.

    Attributes:
        question: The question, in one sentence.
        short: The answer in a few words.
        text: A sentence that gives the numbers.
        evidence: The claim that decides the answer, with its verdict; empty if there is none.
    """

    question: str
    short: str
    text: str
    evidence: str = ""


@dataclass(frozen=True)
class Line:
    """A number of the overview.

    Attributes:
        label: Name of the network.
        filled: Its accuracy.
    """

    label: str
    filled: Filled


@dataclass(frozen=True)
class Group:
    """Numbers of the overview under the same attack.

    Attributes:
        title: The attack.
        recipe: Name of the recipe of the numbers.
        lines: The numbers, one per network.
    """

    title: str
    recipe: str
    lines: tuple[Line, ...]


def in_order(founds: Iterable[Found]) -> list[Found]:
    """Return the results with Figure 1 first and the others in the given order."""
    return sorted(founds, key=lambda found: found.recipe.name != "figure1")


def counted_from_one(seeds: Sequence[int]) -> str:
    """Return text with the seeds counted from 1, followed by their values in settings."""
    counted = ", ".join(str(seed + 1) for seed in seeds)
    stored = ", ".join(map(str, seeds))
    return f"seed{'s' * (len(seeds) > 1)} {counted} ({stored} in settings and records)"


def answers(scale: Scale, founds: Iterable[Found]) -> tuple[Answer, Answer, Answer]:
    """Return three answers: whether tickets exist, what R2S gains, and what was reduced."""
    by_name = {found.recipe.name: found for found in founds}
    return _existence(by_name), _switching(by_name), _reductions(scale, by_name)


def overview(founds: Iterable[Found]) -> tuple[str, list[Group]]:
    """Return the numbers behind the first two answers.

    Returns:
        The name of the panel, the first one with numbers in Figure 1, else in Table 5; and its
        numbers in groups.
    """
    by_name = {found.recipe.name: found for found in founds}
    where = _panel(by_name, "figure1", TICKET) or _panel(by_name, "table5", WORST)
    groups = []
    for title, recipe, rows in _GROUPS:
        if recipe not in by_name:
            continue
        numbers = [f for f in by_name[recipe].cells if f.cell.panel == where and f.values]
        lines = tuple(
            Line(label.format(percent=f.cell.column), f)
            for row, column, label in rows
            for f in numbers
            if f.cell.row == row and column in {f.cell.column, "any"}
        )
        if lines:
            epsilon = by_name[recipe].scale.epsilon(8)
            groups.append(Group(title.format(ball=f"linf, {epsilon}"), recipe, lines))
    return where, groups


_GROUPS = (
    (
        "Under PGD-20, {ball}",
        "figure1",
        (
            (DENSE, EVERY, "dense network, trained adversarially"),
            (TICKET, "any", "ticket of {percent} %, never trained"),
        ),
    ),
    (
        "R2S under PGD-20, {ball}, on one of its tickets (the paper's protocol)",
        "table3",
        ((DENSE_ROW, PGD, "dense network"), (named(ACTUAL_SET), PGD, "R2S")),
    ),
    (
        "R2S under attackers who know its tickets, {ball}",
        "table5",
        (
            (EOT, ACCURACY, "R2S, PGD-20 on the expected gradient"),
            (ENSEMBLE, ACCURACY, "R2S, PGD-20 on the averaged prediction"),
            (WORST, ACCURACY, "R2S, strongest attack on each image"),
            (SINGLE, ACCURACY, "its best ticket, strongest attack on each image"),
            (WORST_DENSE, ACCURACY, "dense network, strongest attack on each image"),
        ),
    ),
)


def _panel(by_name: Founds, recipe: str, row: str) -> str:
    """Return the name of the first panel in which a row has a number; empty if there is none."""
    cells = by_name[recipe].cells if recipe in by_name else ()
    filled_panels = {
        filled.cell.panel for filled in cells if filled.cell.row == row and filled.values
    }
    return next((name for name in PANELS if name in filled_panels), "")


def _existence(by_name: Founds) -> Answer:
    """Return whether robust scratch tickets exist, from Figure 1."""
    question = "Do robust scratch tickets exist?"
    where = _panel(by_name, "figure1", TICKET)
    if not where:
        return Answer(question, "Not run", "Figure 1 has no numbers yet.")
    found = by_name["figure1"]
    numbers = [f for f in found.cells if f.cell.panel == where and f.values]
    tickets = [f for f in numbers if f.cell.row == TICKET and int(f.cell.column) in PLATEAU]
    dense = next((f for f in numbers if (f.cell.row, f.cell.column) == (DENSE, EVERY)), None)
    if not tickets:
        return Answer(question, "Not run", "Figure 1 has no ticket of 5 to 40 % yet.")
    ticket = min(tickets, key=lambda filled: abs(int(filled.cell.column) - PERCENT))
    low, _ = ticket.interval() or (0.0, 0.0)
    chance = 0.5 if "data.classes" in found.scale.changes else CHANCE
    network, data = map(found.scale.our_name, where.split(" / "))
    compared = (
        "" if dense is None else f"; the adversarially trained dense network {_percent(dense)}"
    )
    return Answer(
        question,
        "Yes" if low > percent(chance) else "None that resists attack was found",
        f"drawn on {data}, a ticket with {ticket.cell.column} % of the weights of a random "
        f"{network}, none of them trained, classifies {_percent(ticket)} of the test images "
        f"correctly under PGD-20 (linf, {found.scale.epsilon(8)}){compared}.",
        _evidence(found, MATCH),
    )


def _switching(by_name: Founds) -> Answer:
    """Return whether R2S gains against an attacker who knows its tickets, from Table 5."""
    question = (
        "Does a random switch between tickets (R2S) gain robustness against an attacker who knows "
        "them?"
    )
    where = _panel(by_name, "table5", WORST)
    if not where:
        return Answer(question, "Not run", "Table 5 has no numbers yet.")
    found = by_name["table5"]
    numbers = {f.cell.row: f for f in found.cells if f.cell.panel == where and f.values}
    verdict = _claim_named(found, AT_WORST).verdict
    short = {"holds": "It gains", "does not hold": "It loses"}
    compared = "".join(
        f", {label} {_percent(numbers[row])}"
        for row, label in ((WORST_DENSE, "the dense network"), (SINGLE, "its best single ticket"))
        if row in numbers
    )
    return Answer(
        question,
        short.get(verdict, "Inconclusive"),
        f"under the strongest attack on each image R2S classifies {_percent(numbers[WORST])} of "
        f"the images correctly{compared} ({found.scale.our_name(where)}).",
        _evidence(found, AT_WORST),
    )


def _reductions(scale: Scale, by_name: Founds) -> Answer:
    """Return what is smaller than in the paper."""
    filled = [f for found in by_name.values() for f in found.cells if f.values]
    single = sum(len(f.values) == 1 for f in filled)
    some = f"{single} of {len(filled)} numbers are from one seed, the paper's from {SEEDS}"
    all_numbers = f"every number is from {len(scale.seeds)} seeds, the paper's from {SEEDS}"
    own = f"; further settings of yours: {', '.join(scale.changes)}" if scale.changes else ""
    short = f"Scale {scale.name}" if scale.summary else f"Nothing at scale {scale.name}"
    reduced = f"{scale.summary}; " if scale.summary else ""
    text = f"{reduced}{some if single else all_numbers}{own}."
    return Answer("What is smaller than in the paper?", short, text)


def _claim_named(found: Found, short: str) -> Judged:
    """Return the claim with this short form."""
    return next(judged for judged in found.claims if judged.claim.short == short)


def _evidence(found: Found, short: str) -> str:
    """Return, as text, a claim with its answer and its difference."""
    judged = _claim_named(found, short)
    difference = judged.comparison.text()
    points = f"; the difference in points is {difference}" if difference else ""
    return f"{short[0].upper()}{short[1:]}: {judged.answer}{points}."


def _percent(filled: Filled | None) -> str:
    """Return an accuracy with its unit; empty without one."""
    return "" if filled is None else f"{filled.text()} %"
