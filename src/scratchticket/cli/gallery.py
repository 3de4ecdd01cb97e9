"""The verb ``gallery``."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

from rich.box import SIMPLE
from rich.table import Table
from typer import Argument, Option

from scratchticket.base.accuracy import percent
from scratchticket.cli import options as o
from scratchticket.cli.terminal import cell, out, say, user_errors


def gallery(
    name: Annotated[
        str | None, Argument(help="Gallery ticket to copy to --out.", show_default=False)
    ] = None,
    copy: Annotated[
        Path | None,
        Option("--out", help="File to write; must not exist.", show_default=False),
    ] = None,
    json_output: o.Json = False,
) -> None:
    """List the tickets that come with the package, or copy one.

    Every verb takes gallery:NAME instead of a file, as in scratchticket show gallery:NAME. The
    accuracies were measured on all test images of the ticket's data when it was drawn.
    """
    with user_errors():
        from scratchticket.base.errors import InputError
        from scratchticket.base.files import write_atomically
        from scratchticket.gallery import names, path_of
        from scratchticket.tickets import Ticket

        if (name is None) != (copy is None):
            raise InputError(
                "to copy a ticket, give its name and --out; to list all tickets, give neither"
            )
        if name is not None and copy is not None:
            if copy.exists():
                raise InputError(f"{copy} exists; choose another --out")
            write_atomically(copy, path_of(name).read_bytes())
            say(f"{copy}: {copy.stat().st_size:,} bytes")
            return
        rows = [_row(known, Ticket.load(path_of(known))) for known in names()]
        if json_output:
            print(json.dumps(rows, indent=2))
        else:
            _print(rows)


def _row(name: str, ticket: Any) -> dict[str, Any]:
    """Return the row of a ticket, as JSON values."""
    from scratchticket.gallery import path_of

    results = ticket.provenance.get("results", {})
    return {
        "name": name,
        "network": ticket.network.name,
        "width": ticket.network.width,
        "data": Path(ticket.provenance["recipe"]["data"]["name"]).name,
        "kept": ticket.mask.kept,
        "total": ticket.mask.total,
        "bytes": path_of(name).stat().st_size,
        "natural": results["natural"],
        "robust": results["attacks"][0],
    }


def _print(rows: list[dict[str, Any]]) -> None:
    """Print one table per study, with one row per ticket."""
    for study, group in groupby(rows, key=lambda row: str(row["name"]).partition("/")[0]):
        tickets = list(group)
        first = tickets[0]
        width = "" if first["width"] is None else f", width {first['width']}"
        table = Table(
            title=f"{study}: {first['network']}{width}; robust: {first['robust']['title']}",
            title_justify="left",
            box=SIMPLE,
        )
        table.add_column("name", no_wrap=True)
        for heading in ("kept", "%", "bytes", "natural", "robust"):
            table.add_column(heading, justify="right")
        for row in tickets:
            table.add_row(
                cell(row["name"]),
                f"{row['kept']:,}",
                f"{percent(row['kept'], row['total']):.3g}",
                f"{row['bytes']:,}",
                _percent(row["natural"]),
                _percent(row["robust"]),
            )
        out.print(table)


def _percent(counts: dict[str, Any]) -> str:
    return f"{percent(counts['correct'], counts['total']):.1f} %"
