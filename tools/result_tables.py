"""The pages of the paper's tables and figures and of the studies, from the records of sweeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scratchticket.base.record import read_record
from scratchticket.paper import NAMES, SCALES, Scale, paper_recipe
from scratchticket.paper.comparison import Verdict
from scratchticket.paper.report import Found, Records, found, section
from scratchticket.paper.report.answers import counted_from_one, in_order
from scratchticket.paper.report.found import run_seeds
from scratchticket.paper.report.markdown import answers_section, in_words
from scratchticket.runs.summary import outcome

Record = dict[str, Any]
LISTED = 40  # of so many jobs, each is listed
VERDICTS = """\
Differences are means over the seeds with their 95 % interval, which covers other seeds and other
images; *comparable* means shown to be within 2.5 points, and one seed decides nothing. The rule is
that of all pages ([decision 27](decisions/0027-one-rule-of-verdicts.md))."""


def results(scale: str, records: list[Record]) -> str:
    """Return what was found of the paper's tables and figures, in Markdown.

    Args:
        scale: At which scale.
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
    """Return what was found of studies, in Markdown: their sections, seeds, cost and warnings.

    Args:
        records: Each with the name of its file.
        name: Of the recipe, if it is not that of the file.
    """
    parts = []
    files = dict.fromkeys(record["study"] for record in records)
    for file in files:
        same = [record for record in records if record["study"] == file]
        one = found_study(same, name)
        needed = {job.id for job in one.recipe.jobs(one.scale)}
        own = [record for record in same if record["id"] in needed]
        heading, text = section(one).split("\n", 1)
        several = [other.rpartition("-")[0] for other in files].count(one.recipe.name) > 1
        parts += [f"{heading} (scale {one.scale.name})\n{text}" if several else section(one)]
        parts += [seeds_of(one.scale), _cost(own, each=False), _warnings(own)]
    return "\n\n".join(part.rstrip() for part in [*parts, VERDICTS] if part) + "\n"


def found_study(records: Sequence[Record], name: str = "") -> Found:
    """Return what was found of a study: of the recipe and the scale that name the records' file."""
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
    """Return which seeds were run, if there are several."""
    if len(scale.seeds) == 1:
        return ""
    seeds = counted_from_one(scale.seeds).capitalize()
    return f"{seeds}; a number without ± is of one seed alone."


def _known(records: Sequence[Record]) -> Records:
    known = {}
    for line in records:
        record = read_record(line["record"], line["study"])
        known[line["id"]] = {"job": line["job"], "seconds": line["seconds"], "record": record}
    return Records(known)


def _founds(scale: Scale, records: list[Record]) -> list[Found]:
    """Return what was found of each recipe of the paper."""
    known = _known(records)
    return in_order(found(paper_recipe(name), scale, known) for name in NAMES)


def _cost(records: list[Record], *, each: bool = True) -> str:
    """Return what all of it took, and where."""
    hours = sum(record["seconds"] for record in records) / 3600
    machines = Counter(
        f"{machine['threads']} thread(s) of {machine['device']}"
        for record in records
        if (machine := record["record"].get("machine"))
    )
    where = " and ".join(machines)
    total = f"{len(records)} jobs, {hours:.1f} hours of work on {where}."
    return f"{total}\n\n{_each(records)}" if each and len(records) <= LISTED else total


def _each(records: list[Record]) -> str:
    """Return what each job came to, and how long it took."""
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
    """Return the warning signs of evaluations by name, empty if nothing was evaluated."""
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
        + f"{', the first' * (len(texts) > 1)}: {texts[0]}"
        for name, texts in signs.items()
    ]
    return "Warning signs:\n\n" + "\n".join(lines) if lines else "No warning signs."


def _verdicts(founds: list[Found]) -> str:
    """Return the overview."""
    lines = ["| recipe | question | answer | claims | numbers |", "|---|---|---|---|---|"]
    for one in founds:
        counts = counted([one])
        said = ", ".join(f"{verdict} {count}" for verdict, count in counts.items())
        done = f"{one.done} of {len(one.cells)}"
        answer = in_words(one).replace("; ", "<br>") if one.panels else "not run"
        lines.append(f"| {one.recipe.title} | {one.recipe.question} | {answer} | {said} | {done} |")
    return "\n".join(lines)
