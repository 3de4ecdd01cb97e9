"""The output of the verbs ``transfer`` and ``switch evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.table import Table

from scratchticket.base.accuracy import percent
from scratchticket.cli.terminal import cell, out, print_signs, say

if TYPE_CHECKING:
    from scratchticket.base.record import Matrix, MembersExpectation, SwitchRecord, TransferRecord


def print_matrices(record: TransferRecord) -> None:
    """Print the transfer matrices and the warning signs of a record."""
    for matrix in record.matrices:
        kind = "stops at the first success" if matrix.stops else "runs to the end"
        say(f"{matrix.title}; {kind}; % correct of {matrix.total}")
        out.print(_matrix(matrix, record.networks))
        say(_means(matrix))
    print_signs(record.warning_signs)


def _matrix(matrix: Matrix, names: Sequence[str]) -> Table:
    """Return a transfer matrix as a table; columns are numbered if the names are too wide."""
    short, rows = list(names), list(names)
    if sum(max(len(name), 5) + 3 for name in (max(names, key=len), *names)) > out.width:
        short = [str(number) for number in range(1, len(names) + 1)]
        rows = [f"{number} {name}" for number, name in zip(short, names, strict=True)]
    table = Table(box=SIMPLE)
    table.add_column("attacked", overflow="fold")
    for name in short:
        table.add_column(cell(name), justify="right", no_wrap=True)
    for name, row in zip(names, rows, strict=True):
        shares = (f"{matrix.percent(name, column):.1f}" for column in names)
        table.add_row(cell(row), *shares)
    return table


def _means(matrix: Matrix) -> str:
    """Return the mean accuracies of a matrix as text."""
    text = f"mean {percent(matrix.mean):.1f} %, diagonal {percent(matrix.diagonal):.1f} %"
    if matrix.off_diagonal is not None:
        text += f", off the diagonal {percent(matrix.off_diagonal):.1f} %"
    return text


def print_switch(record: SwitchRecord) -> None:
    """Print the record of the evaluation of a switch."""
    table = Table(
        title=f"switch between {len(record.members)} tickets", title_justify="left", box=SIMPLE
    )
    table.add_column("attack", overflow="fold")
    for heading in ("expected\n%", "95 %\ninterval", "all\ncorrect %", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)

    def row(label: str, left: MembersExpectation, seconds: str = "") -> None:
        every = f"{left.all_right.percent:.1f}"
        table.add_row(cell(label), f"{left.percent:.1f}", left.interval_text, every, seconds)

    row("none (natural)", record.natural)
    for attack in record.attacks:
        row(attack.title, attack, f"{attack.seconds:.1f}")
    table.add_section()
    for worst in record.worst_cases:
        row(f"worst case, {worst.norm}, {worst.epsilon}", worst)
    out.print(table)
    for matrix in record.protocol:
        if matrix.stops:
            title = f"the paper's protocol, not adaptive, {matrix.title}"
            say(f"{title}: {_means(matrix)}")
    for attack in record.attacks:
        if (claimed := attack.claimed) is not None:
            say(
                f"not valid: {attack.title} claims {claimed.correct} of {claimed.total} "
                f"correct; the expected accuracy is {attack}"
            )
    for worst in record.worst_cases:
        best, own = worst.best_member, worst.own_attacks
        say(
            f"{worst.norm} {worst.epsilon}: the switch {worst}, its best ticket alone "
            f"({best.name}) {best}: {worst.gain}"
        )
        if own is not None and not own.strong_enough:
            say(
                f"{worst.norm} {worst.epsilon}: attacks on single tickets leave "
                f"{percent(own.mean):.1f} % correct on average, more than attacks on the switch: "
                "the attacks on single tickets were too weak, and these tickets are less robust "
                "than they seem"
            )
    if record.dense is not None:
        for worst, other in zip(record.worst_cases, record.dense.worst_cases, strict=True):
            say(f"{worst.norm} {worst.epsilon}: the dense network {other}: {worst.gain_over_dense}")
    game = record.game
    chances = ", ".join(f"{percent(p):.0f} %" for p in game.probabilities)
    how = "over these attacks only"
    if game.answered:
        moving = ", not converged" if game.settled is False else ""
        how = f"after {len(game.rounds)} rounds of new attacks{moving}"
    say(
        f"optimal defence: draw the tickets with probabilities {chances}; expected accuracy "
        f"{percent(game.value):.1f} % ({how})"
    )
    print_signs(record.warning_signs)
