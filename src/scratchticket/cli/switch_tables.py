"""The output of the verbs ``transfer`` and ``switch evaluate``."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from scratchticket.cli.terminal import cell, out, print_signs, say


def print_matrices(record: dict[str, Any]) -> None:
    """Print the transfer matrices of a record, and its warning signs."""
    for matrix in record["matrices"]:
        kind = "stops at the first success" if matrix["stops"] else "runs to the end"
        say(f"{matrix['title']}; {kind}; % correct of {matrix['total']}")
        out.print(_matrix(matrix, record["networks"]))
        say(_means(matrix))
    print_signs(record)


def _matrix(matrix: dict[str, Any], names: list[str]) -> Table:
    """Return a transfer matrix as a table; columns are numbered if the names are too wide."""
    short, rows = names, names
    if sum(max(len(name), 5) + 3 for name in (max(names, key=len), *names)) > out.width:
        short = [str(number) for number in range(1, len(names) + 1)]
        rows = [f"{number} {name}" for number, name in zip(short, names, strict=True)]
    table = Table(box=SIMPLE)
    table.add_column("attacked", overflow="fold")
    for name in short:
        table.add_column(cell(name), justify="right", no_wrap=True)
    for name, row in zip(names, rows, strict=True):
        shares = (f"{100 * matrix['rows'][name][c] / matrix['total']:.1f}" for c in names)
        table.add_row(cell(row), *shares)
    return table


def _means(matrix: dict[str, Any]) -> str:
    """Return the mean accuracies of a matrix as text."""
    text = f"mean {100 * matrix['mean']:.1f} %, diagonal {100 * matrix['diagonal']:.1f} %"
    if matrix["off_diagonal"] is not None:
        text += f", off the diagonal {100 * matrix['off_diagonal']:.1f} %"
    return text


def print_switch(record: dict[str, Any]) -> None:
    """Print the record of the evaluation of a switch."""
    table = Table(
        title=f"switch between {len(record['members'])} tickets", title_justify="left", box=SIMPLE
    )
    table.add_column("attack", overflow="fold")
    for heading in ("expected\n%", "95 %\ninterval", "all\ncorrect %", "seconds"):
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
            title = f"the paper's protocol, not adaptive, {matrix['title']}"
            say(f"{title}: {_means(matrix)}")
    for attack in (a for a in record["attacks"] if "claimed" in a):
        claimed = attack["claimed"]
        say(
            f"not valid: {attack['title']} claims {claimed['correct']} of {claimed['total']} "
            f"correct; the expected accuracy is {100 * attack['expected']:.1f} %"
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
                f"{100 * own['mean']:.1f} % on average, more than the switch keeps; these attacks "
                "are too weak, and single tickets less robust than they seem"
            )
    if "dense" in record:
        for worst, other in zip(record["worst_cases"], record["dense"]["worst_cases"], strict=True):
            say(
                f"{worst['norm']} {worst['epsilon']}: the dense network "
                f"{100 * other['expected']:.1f} %: {worst['gain_over_dense']}"
            )
    game = record["game"]
    chances = ", ".join(f"{100 * p:.0f} %" for p in game["probabilities"])
    how = "over these attacks only"
    if game["answered"]:
        moving = "" if game.get("settled", True) else ", not converged"
        how = f"after {len(game['rounds'])} rounds of new attacks{moving}"
    say(
        f"the best a defender can do: draw the tickets with probabilities {chances}, which leaves "
        f"{100 * game['value']:.1f} % ({how})"
    )
    print_signs(record)
