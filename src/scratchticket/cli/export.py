"""The verb ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from scratchticket.cli import options as o
from scratchticket.cli.code import import_network
from scratchticket.cli.terminal import say, user_errors


def export(
    tickets: Annotated[
        list[Path],
        Argument(help="Ticket files, all of one random network.", show_default=False),
    ],
    out: Annotated[Path, Option(help="File to write; must not exist.", show_default=False)],
    to: Annotated[
        str,
        Option(
            help="Format: onnx; torch (torch.export program); or dense (safetensors state dict)."
        ),
    ] = "onnx",
    index: o.Index = None,
    integer: Annotated[
        bool,
        Option(
            "--integer",
            help="Store signed-constant weights as a sign bit and a mask bit each; in a state "
            "dict, as int8 values -1, 0 and 1 with a scale per layer.",
        ),
    ] = False,
    compact: Annotated[
        bool,
        Option("--compact", help="Remove channels that are always zero, for a smaller network."),
    ] = False,
    network: o.Code = None,
) -> None:
    """Write tickets as a network that runs without this program.

    One ticket becomes a network from pixels in [0, 1] to logits, for any batch size. Several
    tickets become one graph that stores the shared weights once and takes the ticket index as a
    second input; a random switch can be deployed this way. The result is compared with the tickets
    before the file is written.
    """
    with user_errors():
        from scratchticket.export import export as write
        from scratchticket.tickets import Ticket, load_tickets

        import_network(network)
        if index is None:
            loaded = [ticket for path in tickets for ticket in load_tickets(path)]
        else:
            loaded = [Ticket.load(path, index) for path in tickets]
        done = write(loaded, out, to, integer=integer, compact=compact)
        count = "1 ticket" if len(loaded) == 1 else f"{len(loaded)} tickets, selected by an input"
        total = loaded[0].mask.total
        left = f", {done.parameters:,} weights instead of {total:,}" if compact else ""
        say(
            f"{out}: {count}{left}, {done.size:,} bytes; logits differ by at most "
            f"{done.difference:.1e} from PyTorch's"
        )
