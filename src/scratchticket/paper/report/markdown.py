"""The report in Markdown, for the documentation."""

from __future__ import annotations

from scratchticket.paper.claims import Judged
from scratchticket.paper.published import said
from scratchticket.paper.report.found import Filled, Found
from scratchticket.paper.report.tables import about_numbers, grid, here, notes, published


def section(found: Found) -> str:
    """Return the section of a recipe: its tables, the paper's numbers in italics, its verdicts.

    Below each number: the difference to the paper's, the 95 % interval, how many seeds.
    """
    recipe = found.recipe
    parts = [f"## {recipe.title}: {recipe.question}"]
    if not found.panels:
        return "\n\n".join([*parts, "Not run at this scale.\n"])
    for panel in found.panels:
        table = grid(found, panel)
        lines = [
            f"| {here(panel, found.scale.called(panel))} | {' | '.join(table.columns)} |",
            f"|---|{'---|' * len(table.columns)}",
        ]
        lines += [f"| {name} | {' | '.join(map(_cell, row))} |" for name, row in table.rows.items()]
        parts.append("\n".join(lines))
    parts += [about_numbers(recipe), verdicts(found.claims)]
    return "\n\n".join(parts) + "\n"


def verdicts(claims: tuple[Judged, ...]) -> str:
    """Return the table of claims with their verdicts."""
    lines = ["| claim | the paper's difference | ours (points) | here it |", "|---|---|---|---|"]
    for one in claims:
        lines.append(
            f"| {one.claim.text} | {printed(one)} | {one.comparison.text()} | {one.verdict} |"
        )
    return "\n".join(lines)


def printed(judged: Judged) -> str:
    """Return the difference that the paper's text has, empty if it has none."""
    return "" if judged.claim.printed is None else said(*judged.claim.printed)


def _cell(filled: Filled | None) -> str:
    if filled is None:
        return ""
    theirs, said = published(filled), " ".join(notes(filled))
    beside = f" *{theirs}*" if theirs else ""
    return filled.text() + beside + (f"<br><sub>{said}</sub>" if said else "")
