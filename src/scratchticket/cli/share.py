"""The verbs ``push`` and ``pull``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from scratchticket.cli import options as o
from scratchticket.cli.code import import_network
from scratchticket.cli.terminal import say, user_errors


def push(
    ticket: o.TicketFile,
    to: Annotated[
        str,
        Argument(
            help="owner/name on the Hugging Face Hub; or a folder, written with a leading . or /.",
            show_default=False,
        ),
    ],
    record: Annotated[
        list[Path] | None,
        Option(
            help="Record of an evaluation of this ticket, written by evaluate; repeatable.",
            show_default=False,
        ),
    ] = None,
    private: Annotated[bool, Option("--private", help="Make the repository private.")] = False,
    licence: Annotated[str, Option(help="Licence, as the hub spells it.")] = "mit",
    network: o.Code = None,
) -> None:
    """Share a ticket with its model card: data, threat model, accuracies, how to load it."""
    with user_errors():
        from scratchticket.sharing import push as share

        import_network(network)
        say(share(ticket, to, records=record or (), private=private, licence=licence))


def pull(
    place: Annotated[
        str,
        Argument(
            help="owner/name on the Hugging Face Hub, with @REVISION for a specific revision; or a "
            "folder that push wrote, written with a leading . or /.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, Option(help="File to write; must not exist.", show_default=False)],
    network: o.Code = None,
) -> None:
    """Copy and verify a shared ticket. Every verb also takes hub:OWNER/NAME instead of a file."""
    with user_errors():
        from scratchticket.sharing import pull as copy

        import_network(network)
        ticket = copy(place, out)
        say(f"{out}: {out.stat().st_size:,} bytes, {ticket.mask.kept:,} weights; verified")
