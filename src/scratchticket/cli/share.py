"""The verbs ``push`` and ``pull``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from scratchticket.cli import options as o
from scratchticket.cli.code import import_network
from scratchticket.cli.terminal import say, user_errors


def push(
    ticket: o.TicketPath,
    to: Annotated[
        str,
        Argument(
            help="owner/name on the Hugging Face Hub; or a folder, which begins with . or /.",
            show_default=False,
        ),
    ],
    record: Annotated[
        list[Path] | None,
        Option(
            help="A record that evaluate wrote of this ticket; repeat for several.",
            show_default=False,
        ),
    ] = None,
    private: Annotated[bool, Option("--private", help="Nobody else shall see it.")] = False,
    licence: Annotated[str, Option(help="In the hub's spelling.")] = "mit",
    network: o.Code = None,
) -> None:
    """Share a ticket, its model card beside it: data, threat model, numbers, how to load."""
    with user_errors():
        from scratchticket.sharing import push as share

        import_network(network)
        say(share(ticket, to, records=record or (), private=private, licence=licence))


def pull(
    place: Annotated[
        str,
        Argument(
            help="owner/name on the Hugging Face Hub, @REVISION behind it for a certain one; or a "
            "folder that push made, which begins with . or /.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, Option(help="File to write; must not exist.", show_default=False)],
    network: o.Code = None,
) -> None:
    """Copy a shared ticket, once it has proved itself. Every verb also takes hub:OWNER/NAME."""
    with user_errors():
        from scratchticket.sharing import pull as copy

        import_network(network)
        ticket = copy(place, out)
        say(f"{out}: {out.stat().st_size:,} bytes, {ticket.mask.kept:,} weights; the proof holds")
