"""The tables of docs/attacks.md: tickets under many attacks, beside the paper's Tables 2 and 6."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]
Cell = tuple[str, str | None]  # an attack's title without its ball, and the ball's radius
PAPER_6: dict[
    str, tuple[float, ...]
] = {  # ResNet18, CIFAR-10: AutoAttack, CW-Inf and Bandits at 8/255 and 12/255, CW-L2
    "dense": (46.39, 41.13, 48.99, 45.91, 66.99, 64.17, 52.78),
    "5 %": (45.75, 41.43, 48.07, 45.57, 61.18, 59.30, 51.74),
    "10 %": (45.30, 40.84, 47.95, 45.05, 63.82, 61.55, 52.03),
    "20 %": (42.55, 37.97, 45.03, 42.45, 65.47, 62.80, 49.35),
    "30 %": (45.14, 39.94, 47.76, 44.08, 65.03, 62.40, 51.97),
    "50 %": (42.19, 37.75, 44.85, 42.27, 64.10, 61.43, 49.07),
    "70 %": (42.18, 37.80, 44.44, 42.18, 60.17, 57.97, 48.14),
}
PAPER_2: dict[
    str, tuple[float, ...]
] = {  # ResNet18, CIFAR-10: PGD in l2 balls of radius 0.5, 1.71 and 2
    "dense": (63.61, 40.85, 39.04),
    "5 %": (61.11, 43.81, 42.25),
    "10 %": (63.61, 44.49, 42.81),
    "20 %": (64.43, 44.35, 42.51),
}


def percent_of(record: Record) -> str:
    """Return how the paper's tables call a network."""
    subject = record["subject"]
    share = subject["kept"] / subject["of"]
    return "dense" if share == 1 else f"{round(100 * share)} %"


def attacks(records: list[Record]) -> str:
    """Return the part of the page on a study: three tables and what the warning signs say."""
    first = records[0]
    near, far = first["plan"]["epsilons"]
    bandits = next(a["title"].split(",")[0] for a in first["attacks"] if a["name"] == "bandits")
    balls = [
        *((name, e) for name in ("autoattack", "margin-pgd-100", bandits) for e in (near, far)),
        ("cw-l2-1x100", None),
    ]
    headings = ("AutoAttack", "CW-Inf", "Bandits")
    titles = [f"{heading}, {e}" for heading in headings for e in (near, far)]
    euclidean = [("pgd-20", radius) for radius in first["plan"]["l2 epsilons"]]
    machine = first["machine"]
    return f"""\
{_accuracies(records, near)}

{_beside(records, balls, [*titles, "CW-L2"], PAPER_6, "linf")}

{_beside(records, euclidean, [f"l2-PGD-20, {r}" for _, r in euclidean], PAPER_2, "l2")}

Robust accuracy in percent, in italics the paper's for ResNet18 on CIFAR-10 at the epsilons of its
tables; {first["natural"]["total"]} test images of {first["data"]["of"]}. Computed with
{machine["threads"]} thread(s) of {machine["device"]} at commit {first["commit"]}.

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
        pgd = _cell(record, ("pgd-20", epsilon), "linf")
        lines.append(
            f"| {percent_of(record)} | {natural} | {pgd} | {_share(worst)} "
            f"| {100 * low:.1f} to {100 * high:.1f} | {len(worst['attacks'])} |"
        )
    return "\n".join(lines)


def _beside(
    records: list[Record],
    cells: list[Cell],
    headings: list[str],
    paper: dict[str, tuple[float, ...]],
    norm: str,
) -> str:
    """Return a table of ours, the paper's numbers in italics."""
    lines = [f"| network | {' | '.join(headings)} |", f"|---|{'---|' * len(headings)}"]
    for record in records:
        name = percent_of(record)
        theirs = paper.get(name, ())
        row = []
        for index, cell in enumerate(cells):
            ours = _cell(record, cell, "l2" if cell[1] is None else norm)
            row.append(f"{ours} *{theirs[index]:.2f}*" if theirs else ours)
        lines.append(f"| {name} | {' | '.join(row)} |")
    return "\n".join(lines)


def _cell(record: Record, cell: Cell, norm: str) -> str:
    """Return one accuracy, or a dash where the attack was not made."""
    name, epsilon = cell
    for attack in record["attacks"]:
        where = attack["norm"], attack["epsilon"], attack["title"].split(",")[0]
        if where == (norm, epsilon, name):
            return _share(attack)
    return "–"


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
