"""The report as Markdown, for the documentation."""

from __future__ import annotations

from collections.abc import Sequence

from scratchticket.paper import Scale
from scratchticket.paper.claims import Judged
from scratchticket.paper.published import difference_text
from scratchticket.paper.report.answers import answers, in_order
from scratchticket.paper.report.found import Filled, Found, of_paper
from scratchticket.paper.report.tables import Name, about_numbers, grid, notes, published, title

NOT_TESTED = "not tested"  # answer for a claim whose numbers are missing


def document(scale: Scale, founds: Sequence[Found]) -> str:
    """Return the report: answers, Figure 1, then the other recipes in their order.

    The answers are about the paper, and left out if all recipes are studies.
    """
    first = ["## Answers\n", answers_section(scale, founds)] if of_paper(founds) else []
    return "\n".join([*first, *map(section, in_order(founds))])


def answers_section(scale: Scale, founds: Sequence[Found]) -> str:
    """Return the three main questions with their answers."""
    return "\n".join(
        f"**{one.question}** {one.short}: {one.text} {one.evidence}".rstrip() + "\n"
        for one in answers(scale, founds)
    )


def section(found: Found) -> str:
    """Return the section of a recipe: answers, claims, and tables with the paper's numbers.

    The paper's numbers are in italics. Below each of our numbers are the difference from the
    paper's, the 95 % interval and the number of seeds.
    """
    recipe = found.recipe
    parts = [f"## {recipe.title}: {recipe.question}"]
    if not found.panels:
        return "\n\n".join([*parts, "Not run at this scale.\n"])
    if answers := short_answers(found):
        parts.append(" ".join(f"{answer}." for answer in answers))
    parts += [verdicts(found.claims), about_numbers(recipe)]
    for panel in found.panels:
        table = grid(found, panel)
        parts.append(f"**{_name(title(found, panel))}**")
        lines = [
            f"| {table.corner} | {' | '.join(map(_name, table.columns))} |",
            f"|---|{'---|' * len(table.columns)}",
        ]
        lines += [f"| {_name(name)} | {' | '.join(map(_cell, row))} |" for name, row in table.rows]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def verdicts(claims: tuple[Judged, ...]) -> str:
    """Return the table of tested claims with their verdicts, and the number of untested ones."""
    any_printed = any(one.claim.printed for one in claims)
    heads = [
        "claim",
        *(["the paper's difference"] if any_printed else []),
        "ours (points)",
        "verdict",
    ]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    tested = [one for one in claims if one.answer != NOT_TESTED]
    for one in tested:
        paper_difference = [printed_difference(one)] if any_printed else []
        cells = [one.claim.text, *paper_difference, one.comparison.text(), one.verdict]
        lines.append(f"| {' | '.join(cells)} |")
    table = "\n".join(lines) if tested else ""
    left = len(claims) - len(tested)
    untested = (
        f"{left} claim{'s are' if left > 1 else ' is'} not tested at this scale." if left else ""
    )
    return "\n\n".join(part for part in (table, untested) if part)


def printed_difference(judged: Judged) -> str:
    """Return the difference stated in the paper's text; empty if there is none."""
    return "" if judged.claim.printed is None else difference_text(*judged.claim.printed)


def short_answers(found: Found) -> list[str]:
    """Return the short answers, such as ``A set of more tickets is more robust: no``."""
    asked = [one for one in found.claims if one.claim.short]
    answers = [f"{one.claim.short}: {one.answer}" for one in asked if one.answer != NOT_TESTED]
    if answers and len(answers) < len(asked):
        answers.append(f"{NOT_TESTED}: {len(asked) - len(answers)} more")
    return [answer[0].upper() + answer[1:] for answer in answers]


def _name(name: Name) -> str:
    """Return our name, with the paper's in parentheses where it differs."""
    return f"{name.ours} (*{name.theirs}* in the paper)" if name.theirs else name.ours


def _cell(filled: Filled | None) -> str:
    """Return a number with the paper's in italics and its notes below."""
    if filled is None:
        return ""
    printed, small = published(filled), " ".join(notes(filled))
    italic = f" *{printed}*" if printed else ""
    return filled.text() + italic + (f"<br><sub>{small}</sub>" if small else "")
