"""The tables of docs/attacks.md: tickets under many attacks, beside the paper's Tables 2 and 6."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmark_tables import where

from scratchticket.attacks import PGD, Attack, Bandits
from scratchticket.evaluation.report import autoattacked
from scratchticket.evaluation.suites import PAPER_CW
from scratchticket.paper import published

Record = dict[str, Any]
Numbers = dict[str, tuple[float, ...]]  # a network's accuracies in the paper
Find = Callable[[Record], bool]  # whether a row is of the attack


def paper_6() -> Numbers:
    """Return Table 6 for ResNet18: AutoAttack, CW-Inf and Bandits at both epsilons, CW-L2."""
    order = [f"{name}_{e}" for name in ("autoattack", "cw_inf", "bandits") for e in (8, 12)]
    return {
        _called(row["remaining_ratio"]): tuple(row[name] for name in [*order, "cw_l2"])
        for row in published.table("table6").rows
        if "resnet18" in row["network"]
    }


def paper_2() -> Numbers:
    """Return Table 2 for ResNet18: PGD in l2 balls."""
    return {
        _called(
            1 if row["ticket"] == "dense" else float(row["ticket"].removeprefix("rst@"))
        ): tuple(row[f"eps_l2_{radius}"] for radius in ("0.50", "1.71", "2.00"))
        for row in published.table("table2").where(network="resnet18")
    }


def _called(ratio: float) -> str:
    """Return how a network of some remaining ratio is called here."""
    return "dense" if ratio == 1 else f"{round(100 * ratio)} %"


def percent_of(record: Record) -> str:
    """Return how the paper's tables call a network."""
    subject = record["subject"]
    return _called(subject["kept"] / subject["of"])


def attacks(records: list[Record]) -> str:
    """Return the part of the page on a study: three tables and what the warning signs say."""
    first = records[0]
    near, far = first["plan"]["epsilons"]
    blind = max(a["settings"]["queries"] for a in first["attacks"] if a["name"] == "bandits")
    strong = (PGD(100, loss="margin"), Bandits(blind))
    finds: list[Find] = [partial(autoattacked, norm="linf", epsilon=e) for e in (near, far)]
    finds += [Attack(method, e).made for method in strong for e in (near, far)]
    finds.append(Attack(PAPER_CW, None, "l2").made)
    headings = ("AutoAttack", "CW-Inf", "Bandits")
    titles = [f"{heading}, {e}" for heading in headings for e in (near, far)]
    radii = first["plan"]["l2 epsilons"]
    euclidean: list[Find] = [Attack(PGD(), radius, "l2").made for radius in radii]
    return f"""\
{_accuracies(records, near)}

{_beside(records, finds, [*titles, "CW-L2"], paper_6())}

{_beside(records, euclidean, [f"l2-PGD-20, {radius}" for radius in radii], paper_2())}

Robust accuracy in percent, in italics the paper's for ResNet18 on CIFAR-10 at the epsilons of its
tables; {first["natural"]["total"]} test images of {first["data"]["of"]}. Computed with
{where(records)}.

{_signs(records)}
"""


def _accuracies(records: list[Record], epsilon: str) -> str:
    """Return natural accuracy, PGD-20 and the worst case of every image with their intervals."""
    lines = [
        f"| network | natural | PGD-20, {epsilon} | worst case, {epsilon} | 95 % | attacks |",
        "|---|---|---|---|---|---|",
    ]
    for record in records:
        worst = record["worst_case"]
        low, high = worst["interval"]
        natural = _share(record["natural"])
        pgd = _cell(record, Attack(PGD(), epsilon).made)
        lines.append(
            f"| {percent_of(record)} | {natural} | {pgd} | {_share(worst)} "
            f"| {100 * low:.1f} to {100 * high:.1f} | {len(worst['attacks'])} |"
        )
    return "\n".join(lines)


def _beside(records: list[Record], finds: list[Find], headings: list[str], paper: Numbers) -> str:
    """Return a table of ours, the paper's numbers in italics."""
    lines = [f"| network | {' | '.join(headings)} |", f"|---|{'---|' * len(headings)}"]
    for record in records:
        name = percent_of(record)
        theirs = paper.get(name, ())
        row = []
        for index, find in enumerate(finds):
            ours = _cell(record, find)
            row.append(f"{ours} *{theirs[index]:.2f}*" if theirs else ours)
        lines.append(f"| {name} | {' | '.join(row)} |")
    return "\n".join(lines)


def _cell(record: Record, find: Find) -> str:
    """Return one accuracy, or a dash where the attack was not made."""
    found = next((attack for attack in record["attacks"] if find(attack)), None)
    return "–" if found is None else _share(found)


def _share(counts: Record) -> str:
    return f"{100 * counts['correct'] / counts['total']:.1f}"


def _signs(records: list[Record]) -> str:
    """Return what warns, by network."""
    told = [
        f"- {percent_of(record)}: {sign['name']}: {sign['text']}"
        for record in records
        for sign in record["warning_signs"]
    ]
    return "Warning signs:\n\n" + "\n".join(told) if told else "No warning signs."
