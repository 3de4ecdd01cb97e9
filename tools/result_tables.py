"""The pages of the paper's tables and figures and of the studies, from the records of sweeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmark_tables import plural

from scratchticket.base.record import read_record
from scratchticket.paper import NAMES, SCALES, Scale, paper_recipe
from scratchticket.paper.comparison import Verdict
from scratchticket.paper.report import Found, Records, found, section
from scratchticket.paper.report.answers import counted_from_one, in_order
from scratchticket.paper.report.found import run_seeds
from scratchticket.paper.report.markdown import answers_section, short_answers
from scratchticket.runs.summary import outcome

Record = dict[str, Any]
LISTED = 40  # up to this number, jobs are listed one by one
VERDICTS = """\
A difference is the mean over the seeds; its 95 % interval allows for the choice of seeds and of
test images. *Comparable* means that the difference is shown to be at most 2.5 points. A single
seed decides nothing. This rule holds on all pages
([decision 27](decisions/0027-one-rule-of-verdicts.md))."""


def results(scale: str, records: list[Record]) -> str:
    """Return the results of the paper's tables and figures, in Markdown.

    Args:
        scale: Name of the scale.
        records: As ``scratchticket report --export`` writes them.
    """
    done = sized(scale, records)
    founds = _founds(done, records)
    less = "\n".join(f"- {line}" for line in done.differences)
    parts = [answers_section(done, founds), _verdicts(founds), seeds_of(done)]
    parts += [f"Less than in the paper:\n\n{less}", _cost(records)]
    parts += [section(one) for one in founds if one.done]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


def study(records: list[Record], name: str = "") -> str:
    """Return the results of studies, in Markdown: sections, seeds, cost and warning signs.

    Args:
        records: Each with the name of its file.
        name: Name of the recipe; if empty, the file's name contains it.
    """
    parts = []
    files = by_study(records)
    for same in files.values():
        one = found_study(same, name)
        needed = {job.id for job in one.recipe.jobs(one.scale)}
        own = [record for record in same if record["id"] in needed]
        heading, text = section(one).split("\n", 1)
        several = [other.rpartition("-")[0] for other in files].count(one.recipe.name) > 1
        parts += [f"{heading} (scale {one.scale.name})\n{text}" if several else section(one)]
        parts += [seeds_of(one.scale), _cost(own, each=False), _warnings(own)]
    return "\n\n".join(part.rstrip() for part in [*parts, VERDICTS] if part) + "\n"


def by_study(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return the records of each study, by the name of its file."""
    studies: dict[str, list[Record]] = {}
    for record in records:
        studies.setdefault(record["study"], []).append(record)
    return studies


def found_study(records: Sequence[Record], name: str = "") -> Found:
    """Return the results of a study; its recipe and scale are in the name of the records' file."""
    recipe, _, scale = records[0]["study"].rpartition("-")
    return found(paper_recipe(name or recipe), sized(scale, records), _known(records))


def verdicts(scale: str, records: list[Record]) -> Counter[Verdict]:
    """Return how many claims of the paper have each verdict at a scale."""
    return counted(_founds(sized(scale, records), records))


def counted(founds: Sequence[Found]) -> Counter[Verdict]:
    """Return how many claims have each verdict."""
    return Counter(claim.verdict for one in founds for claim in one.claims)


def sized(scale: str, records: Sequence[Record]) -> Scale:
    """Return a scale with the seeds that were run."""
    return replace(SCALES[scale], seeds=run_seeds(record["job"] for record in records))


def seeds_of(scale: Scale) -> str:
    """Return a sentence on the seeds that were run, empty if there was one."""
    if len(scale.seeds) == 1:
        return ""
    seeds = counted_from_one(scale.seeds).capitalize()
    return f"{seeds}; a number without ± is from a single seed."


def _known(records: Sequence[Record]) -> Records:
    known = {}
    for line in records:
        record = read_record(line["record"], line["study"])
        known[line["id"]] = {"job": line["job"], "seconds": line["seconds"], "record": record}
    return Records(known)


def _founds(scale: Scale, records: list[Record]) -> list[Found]:
    """Return the results of each recipe of the paper."""
    known = _known(records)
    return in_order(found(paper_recipe(name), scale, known) for name in NAMES)


def _cost(records: list[Record], *, each: bool = True) -> str:
    """Return the number of jobs, their time and machines; with ``each``, list them if few."""
    hours = sum(record["seconds"] for record in records) / 3600
    machines = Counter(
        f"{plural(machine['threads'], 'thread')} of {machine['device']}"
        for record in records
        if (machine := record["record"].get("machine"))
    )
    where = " or ".join(machines)
    total = f"{len(records)} jobs took {hours:.1f} hours in all, each on {where}."
    return f"{total}\n\n{_each(records)}" if each and len(records) <= LISTED else total


def _each(records: list[Record]) -> str:
    """Return the table of jobs, with the result and the minutes of each."""
    lines = ["| job | result | minutes |", "|---|---|---|"]
    for record in sorted(records, key=lambda record: str(record["job"]["label"])):
        minutes = f"{record['seconds'] / 60:.0f}"
        said = outcome(read_record(record["record"], record["study"]))
        lines.append(f"| {_label(record)} | {said} | {minutes} |")
    return "\n".join(lines)


def _label(record: Record) -> str:
    """Return a job's label with the scale's networks and data in place of the paper's."""
    _, _, scale = record["study"].rpartition("-")
    return SCALES[scale].our_name(str(record["job"]["label"]))


def _warnings(records: list[Record]) -> str:
    """Return the warning signs of evaluations by name; empty if nothing was evaluated."""
    evaluated = [record for record in records if record["job"]["kind"] == "judge"]
    signs: dict[str, list[str]] = {}
    for record in evaluated:
        label = _label(record).removeprefix("attacks on ")
        for sign in record["record"]["warning_signs"]:
            signs.setdefault(sign["name"], []).append(f"{label}: {sign['text']}")
    if not evaluated:
        return ""
    lines = [
        f"- {name} ({len(texts)} of {len(evaluated)} evaluations)"
        + f"{', for example' * (len(texts) > 1)}: {texts[0]}"
        for name, texts in signs.items()
    ]
    return "Warning signs:\n\n" + "\n".join(lines) if lines else "No warning signs."


def _verdicts(founds: list[Found]) -> str:
    """Return the table of recipes, with the answer and the verdicts of each."""
    lines = [
        "| recipe | question | answer | verdicts | numbers available |",
        "|---|---|---|---|---|",
    ]
    for one in founds:
        counts = counted([one])
        said = ", ".join(f"{verdict}: {count}" for verdict, count in counts.items())
        done = f"{one.done} of {len(one.cells)}"
        answer = "<br>".join(short_answers(one)) if one.panels else "not run"
        lines.append(f"| {one.recipe.title} | {one.recipe.question} | {answer} | {said} | {done} |")
    return "\n".join(lines)
