"""Helpers of the verbs that run attacks: loading of networks and images, shards, progress."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from scratchticket.cli.code import import_network
from scratchticket.cli.terminal import Bars, cell, err, print_notes, say

ONE_SHARD = "1/1"  # all the work in one process
PARTS = ("test", "all")

if TYPE_CHECKING:
    from scratchticket.data import Data
    from scratchticket.evaluation import Shard
    from scratchticket.judging.subject import Subject
    from scratchticket.tickets import Ticket


def load_ticket(path: Path, index: int | None, network: str | None) -> Ticket | None:
    """Return the ticket in a file, None if it holds something else; import the network's code.

    Raises:
        InputError: If file, ticket or code is missing, or the ticket is of another network.
    """
    from scratchticket.base.errors import InputError
    from scratchticket.judging.subject import holds_ticket
    from scratchticket.tickets import Ticket

    is_ticket = holds_ticket(path)
    import_network(network, builtin=True)
    if not is_ticket:
        return None
    ticket = Ticket.load(path, index)
    if network not in {None, ticket.network.name}:
        raise InputError(f"{path} is a ticket of network {ticket.network.name}, not of {network}")
    return ticket


def preparation(
    label_column: str | None, size: int | None, colour: str | None, classes: str | None
) -> dict[str, Any]:
    """Return the options for the preparation of images as settings of a data recipe.

    Raises:
        InputError: If ``classes`` is not a list of names.
    """
    from scratchticket.data.recipe import classes_text

    names = None if classes is None else classes_text(classes)
    return {"label_column": label_column, "size": size, "colour": colour, "classes": names}


def load_images(ticket: Ticket | None, data: str, part: str, prepared: Mapping[str, Any]) -> Data:
    """Return the evaluation images, prepared as for the ticket; print notes about them.

    Args:
        ticket: The ticket to evaluate, if there is one.
        data: Known name or path.
        part: ``test``, or ``all`` to evaluate on every image.
        prepared: See :func:`preparation`.

    Raises:
        InputError: If the images cannot be used, or the part is unknown.
    """
    from scratchticket.base.errors import unknown
    from scratchticket.data import load_data
    from scratchticket.data.split import NO_TEST_PART
    from scratchticket.runs.recipe import data_like

    if part not in PARTS:
        raise unknown("part", part, PARTS)
    images = load_data(data_like(ticket, data, **prepared), whole=part == "all")
    print_notes(images.notes)
    if NO_TEST_PART in images.notes:
        print_notes(
            [
                "only the held-out images are used; if the network was trained on none of the "
                "data, use --part all"
            ]
        )
    return images


def load_subject(  # noqa: PLR0917
    path: Path,
    data: str | None,
    part: str,
    prepared: Mapping[str, Any],
    index: int | None,
    network: str | None,
    normalise: bool,
) -> tuple[Subject, Data]:
    """Return the network to evaluate and the evaluation images; see :func:`load_images`.

    Raises:
        InputError: If file, data or network cannot be used.
    """
    from scratchticket.base.errors import InputError
    from scratchticket.judging.subject import make_subject
    from scratchticket.runs.recipe import data_of

    ticket = load_ticket(path, index, network)
    if data is None:
        own = data_of(ticket)
        hint = f"; {path} was made on {own.name!r}" if own else ""
        raise InputError(f"--data is missing{hint}")
    images = load_images(ticket, data, part, prepared)
    return make_subject(path, ticket, images, network=network, normalise=normalise), images


def print_shard_done(shard: Shard, folder: Path | None) -> None:
    """Print that this shard is done but others are missing."""
    say(f"shard {shard} is done; the last of {shard.count} writes the record to {folder}", err)


def read_shard(text: str) -> Shard:
    """Return the shard written as ``I/N``; under torchrun, the shard of this process.

    Raises:
        InputError: If the text has another form.
    """
    from scratchticket.base.errors import InputError
    from scratchticket.base.processes import launched
    from scratchticket.evaluation import Shard

    if text == ONE_SHARD and (group := launched()).size > 1:
        return Shard(group.rank + 1, group.size)

    index, slash, count = text.partition("/")
    if not slash or not index.isdecimal() or not count.isdecimal():
        raise InputError(f"a shard is written I/N, such as 1/4, got {text!r}")
    return Shard(int(index), int(count))


class EvaluationProgress:
    """A live progress bar on a terminal; elsewhere, one line per attack.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._last = quiet, ""
        self._bar = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),  # attacks differ too much to estimate the time left
            quiet=quiet,
        )
        self._task = self._bar.add_task("natural", total=None)

    def __enter__(self) -> EvaluationProgress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def __call__(self, name: str, done: int, total: int) -> None:
        """Show the progress of the evaluation."""
        self._bar.update(self._task, description=cell(name), completed=done, total=total)
        if self._bar.disable and not self._quiet and name != self._last:
            say(f"{done}/{total}  {name}", err)
        self._last = name
