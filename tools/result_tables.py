"""The page of the paper's tables and figures, from the records of a sweep."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from scratchticket.paper import NAMES, SCALES, Scale, paper_recipe
from scratchticket.paper.comparison import Verdict
from scratchticket.paper.report import Found, Records, found, section
from scratchticket.paper.report.answers import counted_from_one, in_order
from scratchticket.paper.report.found import run_seeds
from scratchticket.paper.report.markdown import answered, in_words
from scratchticket.runs.summary import outcome

Record = dict[str, Any]
LISTED = 40  # of so many jobs, each is listed


def results(scale: str, records: list[Record]) -> str:
    """Return what was found, in Markdown.

    Args:
        scale: At which scale.
        records: As ``scratchticket report --export`` writes them.
    """
    done = sized(scale, records)
    founds = _founds(done, records)
    less = "\n".join(f"- {line}" for line in done.less)
    parts = [answered(done, founds), _verdicts(founds)]
    if len(done.seeds) > 1:
        seeds = counted_from_one(done.seeds).capitalize()
        parts.append(f"{seeds}; a number without ± is of one seed alone.")
    parts += [f"Less than in the paper:\n\n{less}", _cost(records)]
    parts += [section(one) for one in founds if one.done]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def verdicts(scale: str, records: list[Record]) -> Counter[Verdict]:
    """Return how many claims of the paper have each verdict at a scale."""
    founds = _founds(sized(scale, records), records)
    return Counter(claim.verdict for one in founds for claim in one.claims)


def _founds(scale: Scale, records: list[Record]) -> list[Found]:
    """Return what was found of each recipe."""
    known = Records({r["id"]: {k: v for k, v in r.items() if k != "id"} for r in records})
    return in_order(found(paper_recipe(name), scale, known) for name in NAMES)


def sized(scale: str, records: list[Record]) -> Scale:
    """Return a scale with the seeds that were run."""
    return replace(SCALES[scale], seeds=run_seeds(record["job"] for record in records))


def _cost(records: list[Record]) -> str:
    """Return what all of it took, and where."""
    hours = sum(record["seconds"] for record in records) / 3600
    machines = Counter(
        f"{machine['threads']} thread(s) of {machine['device']}"
        for record in records
        if (machine := record["record"].get("machine"))
    )
    where = " and ".join(machines)
    total = f"{len(records)} jobs, {hours:.1f} hours of work on {where}."
    return total if len(records) > LISTED else f"{total}\n\n{_each(records)}"


def _each(records: list[Record]) -> str:
    """Return what each job came to, and how long it took."""
    lines = ["| job | result | minutes |", "|---|---|---|"]
    for record in sorted(records, key=lambda record: str(record["job"]["label"])):
        minutes = f"{record['seconds'] / 60:.0f}"
        lines.append(f"| {record['job']['label']} | {outcome(record['record'])} | {minutes} |")
    return "\n".join(lines)


def _verdicts(founds: list[Found]) -> str:
    """Return the overview."""
    lines = ["| recipe | question | answer | claims | numbers |", "|---|---|---|---|---|"]
    for one in founds:
        counts = Counter(claim.verdict for claim in one.claims)
        said = ", ".join(f"{verdict} {count}" for verdict, count in counts.items())
        done = f"{one.done} of {len(one.cells)}"
        answer = in_words(one).replace("; ", "<br>") if one.panels else "not run"
        lines.append(f"| {one.recipe.title} | {one.recipe.question} | {answer} | {said} | {done} |")
    return "\n".join(lines)
