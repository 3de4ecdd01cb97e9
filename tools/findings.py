"""The tables of docs/findings.md: what was found, beside what the paper says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from studies import STUDIES

from scratchticket.paper.cells import Measured
from scratchticket.paper.comparison import Comparison, Sign, Verdict, compared

Record = dict[str, Any]
Rows = dict[str, list[Record]]  # label to one record per seed


@dataclass(frozen=True)
class Claim:
    """Something the paper says, as a comparison of two rows.

    Attributes:
        text: What it says.
        left: Label of a row.
        sign: ``>`` if its robust accuracy should be higher than that of the right one, ``~`` if
            they should be comparable.
        right: Label of the other row.
    """

    text: str
    left: str
    sign: Sign
    right: str


DIGITS = (
    Claim("A ticket is comparable to the dense network (4.2)", "ticket", "~", "dense"),
    Claim("... at 20 % too", "ratio 0.2", "~", "dense"),
    Claim("Very small ratios are inferior (4.2)", "ticket", ">", "ratio 0.01"),
    Claim("Very large ratios are inferior (4.2)", "ticket", ">", "ratio 0.9"),
    Claim("Signed constants beat Kaiming normal (4.4)", "ticket", ">", "init kaiming_normal"),
    Claim("... and Kaiming uniform", "ticket", ">", "init kaiming_uniform"),
    Claim("... and Xavier normal", "ticket", ">", "init xavier_normal"),
    Claim("Rows are worse than elements (4.5)", "ticket", ">", "pattern row"),
    Claim("... kernels too", "ticket", ">", "pattern kernel"),
    Claim("... and channels fail", "ticket", ">", "pattern channel"),
    Claim("PGD-7 finds better tickets than FGSM (4.6)", "ticket", ">", "attack fgsm"),
    Claim("... and than FGSM-RS", "ticket", ">", "attack fgsm-rs"),
    Claim(
        "A ticket is comparable to its fine-tuned self (5.1)",
        "ticket",
        "~",
        "fine-tuned inherited",
    ),
    Claim("Inherited weights beat new ones (5.1)", "fine-tuned inherited", ">", "fine-tuned new"),
    Claim("Adversarial RTTs beat tickets (5.2)", "RTT adversarial", ">", "ticket"),
    Claim("Tickets beat natural RTTs (5.2)", "ticket", ">", "RTT natural"),
    *(
        claim
        for x in (", epsilon x 1.5", ", epsilon x 2")
        for claim in (
            Claim(f"The same{x}: dense (5.3)", f"ticket{x}", "~", f"dense{x}"),
            Claim("... fine-tuned", f"ticket{x}", "~", f"fine-tuned inherited{x}"),
            Claim("... inherited or new", f"fine-tuned inherited{x}", ">", f"fine-tuned new{x}"),
            Claim("... adversarial RTTs", f"RTT adversarial{x}", ">", f"ticket{x}"),
            Claim("... natural RTTs", f"ticket{x}", ">", f"RTT natural{x}"),
        )
    ),
    Claim(
        "Tickets beat transferred RTTs on 0-4 (6.3)",
        "digits 0-4, ticket",
        ">",
        "digits 0-4, transferred RTT",
    ),
    Claim("... and on 5-9", "digits 5-9, ticket", ">", "digits 5-9, transferred RTT"),
    Claim(
        "A ticket beats a dense network of its size (4.2)",
        "ticket",
        ">",
        "control: narrow dense",
    ),
    Claim("The search matters: a random mask is worse", "ticket", ">", "control: random mask"),
    Claim(
        "A ticket beats the magnitude-pruned dense network",
        "ticket",
        ">",
        "control: magnitude-pruned",
    ),
    Claim("... fine-tuned too", "ticket", ">", "control: magnitude-pruned, fine-tuned"),
)
CIFAR10 = (
    Claim("A ticket is comparable to the dense network (4.2), at 20 %", "ticket 0.2", "~", "dense"),
    Claim("... at 10 %", "ticket 0.1", "~", "dense"),
    Claim("... at 5 %", "ticket 0.05", "~", "dense"),
    Claim("Very small ratios are inferior (4.2)", "ticket 0.1", ">", "ticket 0.05"),
)
CLAIMS = {"digits": DIGITS, "cifar10": CIFAR10}


VERDICTS = """\
Differences are means over the seeds with their 95 % interval, which covers other seeds and other
images; *comparable* means shown to be within 2.5 points. The rule is that of all pages
([decision 27](decisions/0027-one-rule-of-verdicts.md))."""
ONE = """\
One seed cannot tell a finding from luck: intervals are of the images alone, and no verdict follows
([decision 27](decisions/0027-one-rule-of-verdicts.md))."""


def by_label(records: list[Record], study: str) -> Rows:
    """Return a study's records by label, in the order of its rows."""
    rows: Rows = defaultdict(list)
    for record in records:
        rows[record["label"]].append(record)
    return {label: rows[label] for label in STUDIES[study] if label in rows}


def percents(record: Record) -> tuple[float, float]:
    """Return natural and robust accuracy of a record, in percent."""
    result = record["results"][record["selected"]]
    natural, robust = result["natural"], result["attacks"][0]
    return tuple(100 * c["correct"] / c["total"] for c in (natural, robust))


def spread(values: Sequence[float]) -> str:
    """Return mean and standard deviation; of one value, itself."""
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{mean(values):.1f} ± {stdev(values):.1f}"


def processes(records: list[Record]) -> str:
    """Return what several processes reach beside one, over the same seeds, in Markdown."""
    draws = [record for record in records if record["recipe"]["task"] == "draw"]
    by_count: dict[int, list[Record]] = defaultdict(list)
    for record in draws:
        by_count[record["machine"].get("processes", 1)].append(record)
    lines = []
    for count, own in sorted(by_count.items()):
        natural, robust = zip(*map(percents, own), strict=True)
        each = ", ".join(f"{value:.1f}" for value in robust)
        lines.append(f"| {count} | {spread(natural)} | {spread(robust)} | {each} |")
    seeds = ", ".join(map(str, sorted({record["recipe"]["seed"] for record in draws})))
    title = draws[0]["results"]["best"]["attacks"][0]["title"]
    return f"""\
| processes | natural (%) | robust (%) | of each seed |
|---|---|---|---|
{chr(10).join(lines)}

The ticket of `python3 dev.py demo`, seeds {seeds}: mean ± standard deviation, robust under {title}.
"""


def precisions(records: list[Record]) -> str:
    """Return what steps in half precision or compiled reach, seed by seed, in Markdown."""
    if not records:
        return "Nothing has been run yet.\n"
    rows = by_label(records, "precision-digits")
    base = {record["recipe"]["seed"]: percents(record)[1] for record in rows["float32"]}
    lines = []
    for label, own in rows.items():
        natural, robust = zip(*map(percents, own), strict=True)
        apart = [percents(record)[1] - base[record["recipe"]["seed"]] for record in own]
        each = ", ".join(f"{value:+.1f}" for value in apart)
        said = ""
        if label != "float32":
            found = compared("~", [(measured(own), measured(rows["float32"]))])
            said = f"{found.text()}: {found.verdict}"
        lines.append(f"| {label} | {spread(natural)} | {spread(robust)} | {each} | {said} |")
    first = rows["float32"][0]
    seeds = ", ".join(map(str, base))
    attack = first["results"][first["selected"]]["attacks"][0]
    return f"""\
| steps in | natural (%) | robust (%) | robust, minus float32 of the same seed | comparable |
|---|---|---|---|---|
{chr(10).join(lines)}

{attack["total"]} test images, robust under {attack["title"]}, on {first["machine"]["device"]};
mean ± standard deviation over seeds {seeds}. *Comparable*: by the rule of all pages
([decision 27](decisions/0027-one-rule-of-verdicts.md)).
"""


def table(rows: Rows) -> str:
    """Return a line per row: natural, robust, weights, bytes."""
    lines = [
        "| | natural (%) | robust (%) | under | weights kept | of | bytes |",
        "|---|---|---|---|---|---|---|",
    ]
    for label, records in rows.items():
        natural, robust = zip(*map(percents, records), strict=True)
        first = records[0]
        attack = first["results"][first["selected"]]["attacks"][0]["title"]
        kept, total = (round(mean(r["weights"][k] for r in records)) for k in ("kept", "total"))
        size = round(mean(r["bytes"] for r in records))
        lines.append(
            f"| {label} | {spread(natural)} | {spread(robust)} | {attack} "
            f"| {kept:,} | {total:,} | {size:,} |"
        )
    return "\n".join(lines)


def measured(records: Sequence[Record]) -> list[Measured]:
    """Return robust accuracies as the rule of verdicts takes them."""
    found = []
    for record in records:
        counts = record["results"][record["selected"]]["attacks"][0]
        share = counts["correct"] / counts["total"]
        found.append(Measured(share, counts["total"], record["recipe"]["seed"]))
    return found


def comparison(claim: Claim, rows: Rows) -> Comparison:
    """Return whether a claim holds here."""
    return compared(claim.sign, [(measured(rows[claim.left]), measured(rows[claim.right]))])


def verdicts(name: str, records: list[Record]) -> Counter[Verdict]:
    """Return how many of a study's claims have each verdict."""
    rows = complete(by_label(records, name))
    return Counter(comparison(claim, rows).verdict for claim in known_claims(name, rows))


def complete(rows: Rows) -> Rows:
    """Return the rows that have every seed."""
    most = max(map(len, rows.values()))
    return {label: own for label, own in rows.items() if len(own) == most}


def known_claims(name: str, rows: Rows) -> list[Claim]:
    """Return the claims about a study of which both rows were run."""
    return [c for c in CLAIMS[name] if c.left in rows and c.right in rows]


def verdict(claim: Claim, rows: Rows) -> str:
    """Return a line that says whether a claim holds here."""
    found = comparison(claim, rows)
    return (
        f"| {claim.text} | {claim.left} {claim.sign} {claim.right} | {found.text()} "
        f"| {found.verdict} |"
    )


def study(name: str, records: list[Record]) -> str:
    """Return the part of the page on a study."""
    every = by_label(records, name)
    rows = complete(every)
    fewer = [label for label in every if label not in rows]
    lines = [
        "| the paper says | compared | difference in robust accuracy (points) | here it |",
        "|---|---|---|---|",
    ]
    lines += [verdict(claim, rows) for claim in known_claims(name, rows)]
    seeds = sorted({r["recipe"]["seed"] for records in rows.values() for r in records})
    machines = {(r["machine"]["threads"], r["machine"]["device"]) for v in rows.values() for r in v}
    places = " and ".join(f"{count} thread(s) of {device}" for count, device in sorted(machines))
    first = next(iter(rows.values()))[0]
    images = first["results"]["last"]["natural"]["total"]
    learning = first["recipe"]["learning"]
    chosen = "the epoch is chosen on validation images"
    if learning["validate_every"] == learning["epochs"]:
        chosen = "of the last epoch"
    over, means = f"mean ± standard deviation over seeds {', '.join(map(str, seeds))}", VERDICTS
    if len(seeds) == 1:
        over, means = f"one seed, {seeds[0]}", ONE
    left_out = f" Left out, as they lack a seed: {', '.join(fewer)}." if fewer else ""
    return f"""\
{table(rows)}

Accuracy on the {images:,} test images; {over}; {chosen}. Computed with {places}.{left_out}

{chr(10).join(lines)}

{means}
"""
