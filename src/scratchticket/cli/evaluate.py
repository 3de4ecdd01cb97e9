"""The verb ``evaluate``."""

from __future__ import annotations

import json
from typing import Annotated, Any

from rich.markup import escape
from rich.progress import Progress
from rich.table import Table
from typer import Option

from scratchticket.cli import options as o
from scratchticket.cli.code import import_network
from scratchticket.cli.terminal import (
    err,
    interval,
    out,
    percent,
    tell,
    user_errors,
)


def evaluate(
    ticket: o.TicketPath,
    data: o.Data,
    label_column: o.LabelColumn = None,
    index: o.Index = None,
    network: o.Code = None,
    attack: Annotated[str, Option(help="pgd, fgsm, fgsm-rs, or none.")] = "pgd",
    steps: Annotated[int, Option(help="Steps of the attack.")] = 20,
    epsilon: Annotated[
        str | None,
        Option(
            help="Radius of the ball, pixels in [0, 1]: 8/255 or 0.1.",
            show_default="that of the ticket's recipe, else 8/255",
        ),
    ] = None,
    norm: Annotated[
        str | None,
        Option(help="Of the ball: linf or l2.", show_default="that of the ticket's recipe"),
    ] = None,
    step_size: o.StepSize = None,
    seed: Annotated[int, Option(help="Of the attack's random starts.")] = 0,
    json_output: o.Json = False,
    device: o.Device = "auto",
) -> None:
    """Measure natural and robust accuracy of a ticket or dense network on the test images."""
    with user_errors():
        from scratchticket.attacks import AttackRecipe
        from scratchticket.data import load_data
        from scratchticket.experiments.recipe import data_like
        from scratchticket.experiments.records import machine, measured, usable_device, versions
        from scratchticket.rng import check_seed
        from scratchticket.tickets import Ticket

        import_network(network)
        loaded = Ticket.load(ticket, index)
        images = load_data(data_like(loaded.provenance, data, label_column))
        tell(images.notes)
        loaded.check_data(images.shape, images.classes, images.name)
        radius, its_norm = _ball(loaded.provenance, epsilon, norm)
        recipe = AttackRecipe(attack, radius, steps, step_size, its_norm)  # type: ignore[arg-type]
        where = usable_device(device)
        with Progress(console=err, disable=json_output or not err.is_terminal) as bar:
            task = bar.add_task(str(recipe), total=len(images.test))
            result = measured(
                loaded,
                images.test,
                recipe,
                seed=check_seed(seed),
                device=where,
                progress=lambda done: bar.update(task, completed=done),
            )
        if json_output:
            facts = {
                "ticket": str(ticket),
                "data": data,
                "part": "test",
                **result,
                "machine": machine(where),
                "versions": versions(),
            }
            print(json.dumps(facts, indent=2))
            return
        out.print(_table(f"{ticket} on the test images of {data}", result))


def _ball(provenance: Any, epsilon: str | None, norm: str | None) -> tuple[str, str]:
    """Return epsilon and norm: the user's, else those the ticket was drawn under, else 8/255, linf.

    Raises:
        InputError: If a norm is given that the ticket's epsilon is not for.
    """
    from scratchticket.errors import InputError

    try:
        attack = provenance["recipe"]["attack"]
        own_epsilon, own_norm = str(attack["epsilon"]), str(attack["norm"])
    except (KeyError, TypeError):
        own_epsilon, own_norm = "8/255", "linf"
    if epsilon is None and norm not in (None, own_norm):
        raise InputError(f"--norm {norm} needs --epsilon")
    return own_epsilon if epsilon is None else epsilon, norm or own_norm


def _table(title: str, result: dict[str, Any]) -> Table:
    table = Table(title=escape(title), title_justify="left")
    for heading, justify in (("attack", "left"), ("accuracy", "right"), ("95 %", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for counts in (result["natural"], *result["attacks"]):
        table.add_row(
            counts.get("title", "none (natural)"),
            f"{counts['correct']} / {counts['total']} = {percent(counts)}",
            interval(counts),
        )
    return table
