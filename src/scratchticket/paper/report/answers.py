"""What a reader wants to know first: three questions with their answers, and the numbers behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scratchticket.paper import Scale
from scratchticket.paper.cells import EVERY
from scratchticket.paper.claims import Judged
from scratchticket.paper.parts import AS_NUMBERS, CIFAR, DENSE_ROW, PLATEAU, panel
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

CHANCE = 0.2  # guessing is right no more often: no scale's data of Figure 1 have fewer classes
PERCENT = 20  # of the ticket that Sec. 4.2 compares with the dense network
PANELS = tuple(panel(*pair) for pair in CIFAR)
Founds = Mapping[str, Found]  # by the recipe's name


@dataclass(frozen=True)
class Answer:
    """A question with its answer.

    Attributes:
        question: In one sentence.
        short: The answer in a few words.
        text: The rest of the sentence.
        evidence: The claim that decides it, with its verdict; empty if there is none.
    """

    question: str
    short: str
    text: str
    evidence: str = ""


@dataclass(frozen=True)
class Line:
    """A number of the overview.

    Attributes:
        label: Which network.
        filled: Its accuracy.
    """

    label: str
    filled: Filled


@dataclass(frozen=True)
class Group:
    """Numbers of the overview that belong together.

    Attributes:
        title: Which attack they are under, on what.
        recipe: Whose numbers they are.
        lines: One for each network.
    """

    title: str
    recipe: str
    lines: tuple[Line, ...]


def in_order(founds: Iterable[Found]) -> list[Found]:
    """Return Figure 1 first, then the rest as they come."""
    return sorted(founds, key=lambda found: found.recipe.name != "figure1")


def counted_from_one(seeds: Sequence[int]) -> str:
    """Return seeds counted from 1, and what settings and records call them."""
    counted = ", ".join(str(seed + 1) for seed in seeds)
    stored = ", ".join(map(str, seeds))
    return f"seed{'s' * (len(seeds) > 1)} {counted} ({stored} in settings and records)"


def answers(scale: Scale, founds: Iterable[Found]) -> tuple[Answer, Answer, Answer]:
    """Return whether tickets exist, what R2S is worth, and what was cut, a sentence each."""
    by_name = {found.recipe.name: found for found in founds}
    return _existence(by_name), _switching(by_name), _cut(scale, by_name)


def overview(founds: Iterable[Found]) -> tuple[str, list[Group]]:
    """Return the numbers behind the first two answers, and the panel that they are of.

    Returns:
        The first panel of Figure 1, or else of Table 5, that has numbers, and its groups.
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
        "R2S under PGD-20, {ball}, made on one of its tickets (the paper's protocol)",
        "table3",
        ((DENSE_ROW, PGD, "dense network"), (named(AS_NUMBERS), PGD, "R2S")),
    ),
    (
        "R2S under attackers who know the set, {ball}",
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
    """Return the first panel in which a row has a number; empty if there is none."""
    cells = by_name[recipe].cells if recipe in by_name else ()
    there = {filled.cell.panel for filled in cells if filled.cell.row == row and filled.values}
    return next((name for name in PANELS if name in there), "")


def _existence(by_name: Founds) -> Answer:
    question = "Do robust scratch tickets exist?"
    where = _panel(by_name, "figure1", TICKET)
    if not where:
        return Answer(question, "Not run", "Figure 1 has no numbers yet.")
    found = by_name["figure1"]
    here = [f for f in found.cells if f.cell.panel == where and f.values]
    tickets = [f for f in here if f.cell.row == TICKET and int(f.cell.column) in PLATEAU]
    dense = next((f for f in here if (f.cell.row, f.cell.column) == (DENSE, EVERY)), None)
    if not tickets:
        return Answer(question, "Not run", "Figure 1 has no ticket of 5 to 40 % yet.")
    ticket = min(tickets, key=lambda filled: abs(int(filled.cell.column) - PERCENT))
    low, _ = ticket.interval() or (0.0, 0.0)
    chance = 0.5 if "data.classes" in found.scale.changes else CHANCE
    network, data = map(found.scale.here, where.split(" / "))
    beside = (
        "" if dense is None else f"; the adversarially trained dense network on {_percent(dense)}"
    )
    return Answer(
        question,
        "Yes" if low > 100 * chance else "None that resists attack was found",
        f"on {data}, {ticket.cell.column} % of the weights of a random {network}, none of them "
        f"trained, are right on {_percent(ticket)} of the test images under PGD-20 (linf, "
        f"{found.scale.epsilon(8)}){beside}.",
        _told(found, MATCH),
    )


def _switching(by_name: Founds) -> Answer:
    question = (
        "What is a random switch between tickets (R2S) worth against an attacker who knows the set?"
    )
    where = _panel(by_name, "table5", WORST)
    if not where:
        return Answer(question, "Not run", "Table 5 has no numbers yet.")
    found = by_name["table5"]
    here = {f.cell.row: f for f in found.cells if f.cell.panel == where and f.values}
    verdict = _judged(found, AT_WORST).verdict
    short = {"holds": "A gain", "does not hold": "Nothing, it loses"}
    beside = "".join(
        f", {label} on {_percent(here[row])}"
        for row, label in ((WORST_DENSE, "the dense network"), (SINGLE, "its best single ticket"))
        if row in here
    )
    return Answer(
        question,
        short.get(verdict, "No gain that can be told"),
        f"with the strongest attack on each image R2S is right on {_percent(here[WORST])} of them"
        f"{beside} ({found.scale.here(where)}).",
        _told(found, AT_WORST),
    )


def _cut(scale: Scale, by_name: Founds) -> Answer:
    filled = [f for found in by_name.values() for f in found.cells if f.values]
    alone = sum(len(f.values) == 1 for f in filled)
    several = f"{alone} of {len(filled)} numbers are of one seed, where the paper has {SEEDS}"
    seeds = (
        several if alone else f"every number is of {len(scale.seeds)} seeds, the paper's of {SEEDS}"
    )
    own = f"; beyond that, set by you: {', '.join(scale.changes)}" if scale.changes else ""
    short = f"Scale {scale.name}" if scale.cut else f"Nothing at scale {scale.name}"
    cut = f"{scale.cut}; " if scale.cut else ""
    return Answer("What was cut?", short, f"{cut}{seeds}{own}.")


def _judged(found: Found, short: str) -> Judged:
    return next(judged for judged in found.claims if judged.claim.short == short)


def _told(found: Found, short: str) -> str:
    """Return what the numbers say of a claim, with the difference."""
    judged = _judged(found, short)
    difference = judged.comparison.text()
    points = f"; the difference in points is {difference}" if difference else ""
    return f"{short[0].upper()}{short[1:]}: {judged.answer}{points}."


def _percent(filled: Filled | None) -> str:
    return "" if filled is None else f"{filled.text()} %"
