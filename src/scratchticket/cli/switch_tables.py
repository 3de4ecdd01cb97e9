"""What the verbs ``transfer`` and ``switch evaluate`` print."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from scratchticket.cli.terminal import cell, out, print_signs, say


def print_matrices(record: dict[str, Any]) -> None:
    """Print transfer matrices."""
    for matrix in record["matrices"]:
        kind = "stops at the first success" if matrix["stops"] else "goes on to the end"
        say(f"{matrix['title']}; {kind}; right of {matrix['total']} (%)")
        out.print(_matrix(matrix, record["networks"]))
        say(_of_matrix(matrix))
    print_signs(record)


def _matrix(matrix: dict[str, Any], names: list[str]) -> Table:
    """Return a transfer matrix as a table; if names do not fit side by side, their numbers do."""
    short, rows = names, names
    if sum(max(len(name), 5) + 3 for name in (max(names, key=len), *names)) > out.width:
        short = [str(number) for number in range(1, len(names) + 1)]
        rows = [f"{number} {name}" for number, name in zip(short, names, strict=True)]
    table = Table(box=SIMPLE)
    table.add_column("made on", overflow="fold")
    for name in short:
        table.add_column(cell(name), justify="right", no_wrap=True)
    for name, row in zip(names, rows, strict=True):
        shares = (f"{100 * matrix['rows'][name][c] / matrix['total']:.1f}" for c in names)
        table.add_row(cell(row), *shares)
    return table


def _of_matrix(matrix: dict[str, Any]) -> str:
    """Return what a matrix comes to."""
    text = f"mean {100 * matrix['mean']:.1f} %, on the diagonal {100 * matrix['diagonal']:.1f} %"
    if matrix["off_diagonal"] is not None:
        text += f", off it {100 * matrix['off_diagonal']:.1f} %"
    return text


def print_switch(record: dict[str, Any]) -> None:
    """Print a switch's record."""
    table = Table(
        title=f"switch of {len(record['members'])} tickets", title_justify="left", box=SIMPLE
    )
    table.add_column("attack", overflow="fold")
    for heading in ("expected\n%", "95 %", "all\nright %", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)

    def row(label: str, facts: dict[str, Any]) -> None:
        low, high = facts["interval"]
        every = facts["all_right"]
        table.add_row(
            cell(label),
            f"{100 * facts['expected']:.1f}",
            f"{100 * low:.1f} to {100 * high:.1f}",
            f"{100 * every['correct'] / every['total']:.1f}",
            f"{facts['seconds']:.1f}" if "seconds" in facts else "",
        )

    row("none (natural)", record["natural"])
    for attack in record["attacks"]:
        row(attack["title"], attack)
    table.add_section()
    for worst in record["worst_cases"]:
        row(f"worst case, {worst['norm']}, {worst['epsilon']}", worst)
    out.print(table)
    for matrix in record["protocol"]:
        if matrix["stops"]:
            title = f"the paper's protocol, {matrix['title']}: {_of_matrix(matrix)}"
            say(f"{title} (not adaptive)")
    for row_ in (a for a in record["attacks"] if "claimed" in a):
        claimed = row_["claimed"]
        say(
            f"not valid: {row_['title']} takes {claimed['correct']} of {claimed['total']} for "
            f"right; expected are {100 * row_['expected']:.1f} %"
        )
    for worst in record["worst_cases"]:
        best = worst["best_member"]
        share = 100 * best["correct"] / best["total"]
        say(
            f"{worst['norm']} {worst['epsilon']}: the switch {100 * worst['expected']:.1f} %, its "
            f"best ticket alone ({best['name']}) {share:.1f} %: {worst['gain']}"
        )
        own = worst.get("own_attacks")
        if own and not own["strong_enough"]:
            say(
                f"{worst['norm']} {worst['epsilon']}: attacks on single tickets leave "
                f"{100 * own['mean']:.1f} % of them on average, more than the switch has; they "
                "were too weak, and tickets are worth less than it seems"
            )
    if "dense" in record:
        for worst, other in zip(record["worst_cases"], record["dense"]["worst_cases"], strict=True):
            say(
                f"{worst['norm']} {worst['epsilon']}: the dense network "
                f"{100 * other['expected']:.1f} %: {worst['gain_over_dense']}"
            )
    game = record["game"]
    chances = ", ".join(f"{100 * p:.0f} %" for p in game["probabilities"])
    answered = "the attacker did not answer"
    if game["answered"]:
        still = "" if game.get("settled", True) else ", the value still moving"
        answered = f"after {len(game['rounds'])} rounds{still}"
    say(
        f"the best a defender can do against these attacks: draw the tickets with {chances}, which "
        f"leaves {100 * game['value']:.1f} % ({answered})"
    )
    print_signs(record)
