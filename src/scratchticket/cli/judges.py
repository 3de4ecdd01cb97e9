"""What the verbs that attack have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from scratchticket.cli.code import import_network
from scratchticket.cli.terminal import cell, err, say, tell

WHOLE = "1/1"  # the share of a process that works alone
PARTS = ("test", "all")

if TYPE_CHECKING:
    from scratchticket.data import Data
    from scratchticket.evaluation import Shard
    from scratchticket.judging.subject import Subject
    from scratchticket.tickets import Ticket


def opened(path: Path, index: int | None, network: str | None) -> Ticket | None:
    """Import a network's code and load a ticket; none if the file holds something else.

    Raises:
        InputError: If there is no such file, ticket or code, or the ticket is of another network.
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
    """Return what options say of how images are prepared, as settings of their recipe.

    Raises:
        InputError: If the classes are no list of names.
    """
    from scratchticket.data.recipe import classes_text

    names = None if classes is None else classes_text(classes)
    return {"label_column": label_column, "size": size, "colour": colour, "classes": names}


def judged_images(ticket: Ticket | None, data: str, part: str, prepared: Mapping[str, Any]) -> Data:
    """Load images to judge on, prepared as a ticket's own were, and tell what was decided.

    Args:
        ticket: If there is one.
        data: Known name or path.
        part: ``test``, or ``all`` to judge on every image.
        prepared: See :func:`preparation`.

    Raises:
        InputError: If they cannot be used, or there is no such part.
    """
    from scratchticket.base.errors import unknown
    from scratchticket.data import load_data
    from scratchticket.data.split import NO_TEST_PART
    from scratchticket.runs.recipe import data_like

    if part not in PARTS:
        raise unknown("part", part, PARTS)
    images = load_data(data_like(ticket, data, **prepared), whole=part == "all")
    tell(images.notes)
    if NO_TEST_PART in images.notes:
        tell(["they alone judge; if nothing was trained on the others, all can: --part all"])
    return images


def subject_of(  # noqa: PLR0917
    path: Path,
    data: str | None,
    part: str,
    prepared: Mapping[str, Any],
    index: int | None,
    network: str | None,
    normalise: bool,
) -> tuple[Subject, Data]:
    """Load who is judged, and on what: of a ticket, on images prepared as its own were.

    Raises:
        InputError: If file, data or network cannot be used.
    """
    from scratchticket.base.errors import InputError
    from scratchticket.judging.subject import make_subject
    from scratchticket.runs.recipe import data_of

    ticket = opened(path, index, network)
    if data is None:
        own = data_of(ticket)
        hint = f"; {path} was made on {own.name!r}" if own else ""
        raise InputError(f"say on which images: --data{hint}")
    images = judged_images(ticket, data, part, prepared)
    return make_subject(path, ticket, images, network=network, normalise=normalise), images


def say_share_done(share: Shard, folder: Path | None) -> None:
    """Say that other shares are missing."""
    done = f"share {share} is done; the record comes with the last of {share.count}, in {folder}"
    say(done, err)


def shard_of(text: str) -> Shard:
    """Read ``I/N``; where torchrun has started several processes, each takes its own share.

    Raises:
        InputError: If it is no share of the work.
    """
    from scratchticket.base.errors import InputError
    from scratchticket.base.processes import launched
    from scratchticket.evaluation import Shard

    if text == WHOLE and (group := launched()).size > 1:
        return Shard(group.rank + 1, group.size)

    index, slash, count = text.partition("/")
    if not slash or not index.isdecimal() or not count.isdecimal():
        raise InputError(f"a share is written I/N, such as 1/4, got {text!r}")
    return Shard(int(index), int(count))


class EvaluationProgress:
    """A live bar on a terminal; elsewhere, a line for each attack that is done.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._last = quiet, ""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),  # of the rest nobody knows: attacks differ too much
            console=err,
            disable=quiet or not err.is_terminal,
        )
        self._task = self._bar.add_task("natural", total=None)

    def __enter__(self) -> EvaluationProgress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def __call__(self, name: str, done: int, total: int) -> None:
        """Show where the evaluation stands."""
        self._bar.update(self._task, description=cell(name), completed=done, total=total)
        if self._bar.disable and not self._quiet and name != self._last:
            say(f"{done}/{total}  {name}", err)
        self._last = name
