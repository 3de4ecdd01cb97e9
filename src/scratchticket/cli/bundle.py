"""The verb ``bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from scratchticket.cli import options as o
from scratchticket.cli.code import import_network
from scratchticket.cli.terminal import say, user_errors


def bundle(
    tickets: Annotated[list[Path], Argument(help="Ticket files.", show_default=False)],
    out: Annotated[Path, Option(help="File to write; must not exist.", show_default=False)],
    network: o.Code = None,
) -> None:
    """Put tickets of one random network into one file; each can still be loaded alone."""
    with user_errors():
        from scratchticket.base.errors import InputError
        from scratchticket.base.files import check_writable
        from scratchticket.tickets import load_tickets, save_tickets

        import_network(network)
        if out.exists():
            raise InputError(f"{out} exists; choose another --out")
        check_writable(out)
        bundled = [ticket for path in tickets for ticket in load_tickets(path)]
        save_tickets(bundled, out)
        size = f"{len(bundled)} tickets, {out.stat().st_size:,} bytes"
        say(f"{out}: {size}")
