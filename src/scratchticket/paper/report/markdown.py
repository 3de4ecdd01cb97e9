"""The report in Markdown, for the documentation."""

from __future__ import annotations

from collections.abc import Sequence

from scratchticket.paper import Scale
from scratchticket.paper.claims import Judged
from scratchticket.paper.published import said
from scratchticket.paper.report.answers import answers, in_order
from scratchticket.paper.report.found import Filled, Found, of_paper
from scratchticket.paper.report.tables import Name, about_numbers, grid, notes, published, title


def document(scale: Scale, founds: Sequence[Found]) -> str:
    """Return the whole report: answers, Figure 1, the other recipes as they come.

    Answers are about the paper: studies alone have none.
    """
    first = ["## Answers\n", answered(scale, founds)] if of_paper(founds) else []
    return "\n".join([*first, *map(section, in_order(founds))])


def answered(scale: Scale, founds: Sequence[Found]) -> str:
    """Return the questions that a reader has first, with their answers."""
    return "\n".join(
        f"**{one.question}** {one.short}: {one.text} {one.evidence}".rstrip() + "\n"
        for one in answers(scale, founds)
    )


def section(found: Found) -> str:
    """Return the section of a recipe: answers, claims, tables with the paper's in italics.

    Below each number: the difference to the paper's, the 95 % interval, how many seeds.
    """
    recipe = found.recipe
    parts = [f"## {recipe.title}: {recipe.question}"]
    if not found.panels:
        return "\n\n".join([*parts, "Not run at this scale.\n"])
    if words := in_words(found):
        parts.append(f"{words}.")
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
    """Return the table of claims with their verdicts."""
    theirs = any(one.claim.printed for one in claims)
    heads = ["claim", *(["the paper's difference"] if theirs else []), "ours (points)", "verdict"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for one in claims:
        of_paper = [printed(one)] if theirs else []
        cells = [one.claim.text, *of_paper, one.comparison.text(), one.verdict]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def printed(judged: Judged) -> str:
    """Return the difference that the paper's text has, empty if it has none."""
    return "" if judged.claim.printed is None else said(*judged.claim.printed)


def in_words(found: Found) -> str:
    """Return the answers to a recipe's question: ``fools the others as well: no``."""
    return "; ".join(f"{one.claim.short}: {one.answer}" for one in found.claims if one.claim.short)


def _name(name: Name) -> str:
    return f"{name.ours} (*{name.theirs}* in the paper)" if name.theirs else name.ours


def _cell(filled: Filled | None) -> str:
    if filled is None:
        return ""
    theirs, said = published(filled), " ".join(notes(filled))
    beside = f" *{theirs}*" if theirs else ""
    return filled.text() + beside + (f"<br><sub>{said}</sub>" if said else "")
