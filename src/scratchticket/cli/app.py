"""The command-line program and all its verbs."""

from __future__ import annotations

import inspect
import re
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from scratchticket._version import __version__
from scratchticket.cli import (
    attack,
    bundle,
    evaluate,
    export,
    gallery,
    learn,
    page,
    runs,
    share,
    show,
    sweep,
    switch,
)
from scratchticket.cli.terminal import ERROR_CODE, print_error


class Program(TyperGroup):
    """The group of verbs; reports a wrong option in one line, as verbs report other user errors."""

    def main(self, *args: Any, **more: Any) -> Any:
        """Run the command line and exit the process."""
        try:
            code = super().main(*args, **more | {"standalone_mode": False})
        except Exception as error:
            message = getattr(error, "format_message", None)  # only typer's errors have it
            if message is None:
                raise
            if type(error).__name__ == "NoArgsIsHelpError":
                error.show()  # type: ignore[attr-defined]
            else:
                verb = getattr(getattr(error, "ctx", None), "command_path", "scratchticket")
                line = " ".join(message().split()).removesuffix(".")
                print_error(f"error: {line}; see `{verb} --help`")
            sys.exit(ERROR_CODE)
        sys.exit(code if isinstance(code, int) else 0)


app = typer.Typer(
    name="scratchticket",
    cls=Program,
    help="Draw robust scratch tickets from untrained random networks, and evaluate them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(learn.draw)
app.command()(learn.train)
app.command()(evaluate.evaluate)
app.command()(attack.attack)
app.command()(switch.transfer)
app.add_typer(switch.app, name="switch")
app.command()(sweep.run)
app.command()(sweep.report)
app.add_typer(runs.app, name="runs")
app.command()(show.show)
app.command()(bundle.bundle)
app.command()(export.export)
app.command()(gallery.gallery)
app.command()(share.push)
app.command()(share.pull)
app.command()(page.app)
for group in (app, switch.app, runs.app):
    for verb in group.registered_commands:  # typer would keep the line breaks of the docstring
        verb.help = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.getdoc(verb.callback) or "")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"scratchticket {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    app()
