"""The verb ``show``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.table import Table
from typer import Argument, Option

from scratchticket.base.accuracy import percent
from scratchticket.cli import options as o
from scratchticket.cli.code import import_network
from scratchticket.cli.settings import preset_settings, with_settings
from scratchticket.cli.terminal import cell, out, say, user_errors

if TYPE_CHECKING:
    from scratchticket.tickets import Ticket


def show(
    ticket: Annotated[
        Path | None,
        Argument(help="File of a ticket or a dense network.", show_default=False),
    ] = None,
    index: o.Index = None,
    network: o.Code = None,
    preset: o.Preset = None,
    settings: o.Set = None,
    page: Annotated[
        Path | None,
        Option(
            "--html",
            help="Write an HTML page with pictures of masks, weight signs and first-layer filters.",
            show_default=False,
        ),
    ] = None,
    other: Annotated[
        list[Path] | None,
        Option(
            help="With --html: file of other tickets of the same network, to show how much their "
            "masks overlap; repeatable.",
            show_default=False,
        ),
    ] = None,
    json_output: o.Json = False,
) -> None:
    """Print a ticket's network, seed, kept weights, sizes and provenance; verify its file.

    Loading verifies a ticket: the weights of every layer are rebuilt from the seed and compared
    with the ticket's fingerprints, and the file is compared with its hash. A file that fails is
    rejected. For a file with several tickets, a list is printed unless --index selects one.

    Without a file, print every setting of a run: the defaults, with --preset and --set applied.
    """
    with user_errors():
        from scratchticket.base.errors import InputError
        from scratchticket.tickets import Ticket, load_tickets
        from scratchticket.tickets.facts import facts

        import_network(network)
        if (ticket is None or json_output) and page is not None:
            raise InputError("--html needs a file of tickets and cannot be used with --json")
        if ticket is None:
            _print_settings(preset, settings, json_output)
            return
        if preset or settings:
            raise InputError("give a file, or --preset and --set, not both")
        tickets = load_tickets(ticket) if index is None else [Ticket.load(ticket, index)]
        if other and page is None:
            raise InputError("--other needs --html")
        if page is not None:
            _write_page(ticket, tickets, other or [], page)
            return
        described = [{"file": str(ticket), "proof": "holds"} | facts(one) for one in tickets]
        if json_output:
            print(json.dumps(described[0] if len(described) == 1 else described, indent=2))
        elif len(described) == 1:
            _print_ticket(described[0])
        else:
            _print_list(described)


def _write_page(path: Path, tickets: list[Ticket], others: list[Path], page: Path) -> None:
    """Write the HTML page about tickets."""
    from scratchticket.base.errors import InputError
    from scratchticket.base.files import check_writable, printable, write_atomically
    from scratchticket.pictures.mask_pictures import ticket_page
    from scratchticket.tickets import load_tickets

    if page.exists():
        raise InputError(f"{page} exists; choose another --html")
    check_writable(page)
    by_file = {path: tickets} | {other: load_tickets(other) for other in others}
    by_name = {
        f"{printable(file)}{f' [{index}]' if len(group) > 1 else ''}": one
        for file, group in by_file.items()
        for index, one in enumerate(group)
    }
    write_atomically(page, ticket_page(by_name))
    say(str(page))


def _print_settings(preset: str | None, settings: list[str] | None, json_output: bool) -> None:
    """Print the recipe of a preset and ``--set``."""
    from scratchticket.runs.start import make_recipe_from_file

    changes = with_settings({}, settings)
    import_network(changes.get("network.name"), builtin=True)
    base = preset_settings(preset, changes)
    recipe = make_recipe_from_file(base | changes).json()
    if json_output:
        print(json.dumps(recipe, indent=2))
    else:
        _print_recipe(recipe)


def _print_recipe(recipe: dict[str, Any]) -> None:
    """Print one setting per line, in the form of ``--set``."""
    from scratchticket.runs.recipe import all_settings

    for path, value in all_settings(recipe).items():
        say(f"  {path}: not given" if value in (None, []) else f"  {path}={value}")


def _print_list(tickets: list[dict[str, Any]]) -> None:
    """Print one row per ticket of a file."""
    from scratchticket.tickets.facts import network_title

    title = network_title(tickets[0])
    say(f"{len(tickets)} tickets of one network: {title}; all verified")
    table = Table()
    for heading in ("index", "weights kept", "%", "classes", "bytes in own file"):
        table.add_column(heading, justify="right")
    for index, facts in enumerate(tickets):
        table.add_row(
            str(index),
            f"{facts['kept']:,}",
            f"{percent(facts['remaining_ratio']):.3g}",
            str(len(facts["classes"])),
            f"{facts['bytes']['alone']:,}",
        )
    out.print(table)


def _print_ticket(facts: dict[str, Any]) -> None:
    """Print a ticket: a summary, a table of its layers, and its recipe."""
    from scratchticket.tickets.facts import summary

    for name, text in summary(facts).items():
        say(f"{name:<9} {text}")
    table = Table()
    table.add_column("layer")
    for heading in ("shape", "kept", "of", "%"):
        table.add_column(heading, justify="right")
    for layer in facts["layers"]:
        shape = "x".join(str(size) for size in layer["shape"])
        kept, total = layer["kept"], layer["total"]
        table.add_row(
            cell(layer["name"]), shape, f"{kept:,}", f"{total:,}", f"{percent(kept, total):.2f}"
        )
    out.print(table)
    recipe = facts["provenance"].get("recipe")
    if recipe:
        out.print("recipe")
        _print_recipe(recipe if isinstance(recipe, dict) else {"?": recipe})
