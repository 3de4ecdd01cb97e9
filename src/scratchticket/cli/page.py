"""The verb ``app``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from scratchticket.cli import options as o
from scratchticket.cli.code import import_network
from scratchticket.cli.device import chosen_device
from scratchticket.cli.terminal import err, say, user_errors

HOST = "127.0.0.1"


def app(
    tickets: Annotated[
        list[Path] | None,
        Argument(
            metavar="[TICKETS]...",
            help="Ticket files, of any networks, or gallery:NAME; files of dense networks are "
            "compared with the tickets.",
            show_default="the gallery",
        ),
    ] = None,
    dense: Annotated[
        Path | None,
        Option(help="File of a dense network to compare with.", show_default=False),
    ] = None,
    data: Annotated[
        str | None,
        Option(
            help="Test images to choose from: a known data set or a path.",
            show_default="digits for tickets drawn on them; for others, upload an image",
        ),
    ] = None,
    network: o.Code = None,
    host: Annotated[
        str, Option(help="Address to listen on; 0.0.0.0 gives everyone access, without a password.")
    ] = HOST,
    port: Annotated[
        int | None,
        Option(
            help="Port to listen on.",
            min=1,
            max=65535,
            show_default="the first free port from 7860",
        ),
    ] = None,
    device: o.Device = "auto",
) -> None:
    """Serve a web page that attacks tickets, switches and dense networks step by step.

    The page needs no internet connection. Unless --host is given, only this machine can reach it.
    Ctrl-C stops the server.
    """
    with user_errors():
        if "torch" not in sys.modules:  # the import takes seconds
            say("loading PyTorch and gradio ...", err)
        from scratchticket.gallery import names, path_of
        from scratchticket.page import load_sets
        from scratchticket.page.blocks import import_gradio
        from scratchticket.page.serve import serve

        import_network(network)
        import_gradio()
        files = tickets or [path_of(name) for name in names()]
        if len(files) > 1:
            say(f"reading {len(files)} files ...", err)
        sets = load_sets(files, dense=dense, data=data, device=chosen_device(device))
        if data is None and (without := [one.name for one in sets if one.samples is None]):
            remedy = "give their data with --data, or upload an image"
            say(f"note: no test images for {'; '.join(without)}: {remedy}", err)
        count = sum(len(one.tickets) for one in sets)

        def ready(url: str, others: bool) -> None:
            say(f"{count} ticket{'s' * (count > 1)} to try at {url}; Ctrl-C stops the server")
            if others:
                say(f"note: everyone who can reach {host} can use the page", err)

        serve(sets, host=host, port=port, ready=ready)
