"""Push and pull shared tickets: ticket file, model card and evaluation records.

A local folder and a Hugging Face Hub repository have the same layout: ``ticket.safetensors``,
``README.md`` and ``record-N.json``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scratchticket.base.errors import InputError
from scratchticket.base.files import (
    check_text,
    check_writable,
    parsed_json,
    read_bytes,
    write_atomically,
)
from scratchticket.base.record import EvaluationRecord, read_as, to_json
from scratchticket.sharing.card import model_card
from scratchticket.tickets import Ticket
from scratchticket.tickets.hub import TICKET, downloaded, hub_call, hub_library
from scratchticket.tickets.locate import ticket_path

CARD = "README.md"


def push(
    ticket: str | Path,
    to: str,
    *,
    records: Sequence[str | Path] = (),
    private: bool = False,
    licence: str = "mit",
) -> str:
    """Share a ticket with its model card; return its address.

    Args:
        ticket: File of the ticket.
        to: ``owner/name`` on the Hugging Face Hub, where you must be logged in; or a new or empty
            folder, whose path begins with ``.``, ``/`` or ``~``.
        records: Files with records of evaluations of this ticket.
        private: Whether a new repository is private.
        licence: Licence of the ticket, in the hub's spelling.

    Raises:
        InputError: If a file cannot be used, the folder is not empty, or the hub refuses the files.
    """
    loaded, content = Ticket.load(ticket), read_bytes(ticket_path(ticket), "ticket file")
    contents = [_record(Path(record)) for record in records]
    files = {TICKET: content, CARD: b""}
    files |= {
        f"record-{place}.json": json.dumps(to_json(record), indent=2).encode()
        for place, record in enumerate(contents)
    }
    in_folder = to.startswith((".", "/", "~"))
    if not in_folder and to.count("/") != 1:
        raise InputError(f"{to} is neither owner/name nor a folder; a folder begins with ./ or /")
    name = Path(to).name if in_folder else to
    check_text(name, "the name of the shared ticket")
    files[CARD] = model_card(loaded, contents, name=name, licence=licence).encode()
    if in_folder:
        folder = Path(to).expanduser()
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} exists and is not an empty folder; choose another")
        folder.mkdir(parents=True, exist_ok=True)
        _write(files, folder)
        return str(folder)
    return _upload(files, to, private)


def pull(place: str, out: str | Path) -> Ticket:
    """Verify a shared ticket, copy it into a file, and return it.

    Args:
        place: ``owner/name`` or ``owner/name@REVISION`` on the hub; or a folder that
            :func:`push` wrote, whose path begins with ``.``, ``/`` or ``~``.
        out: Path of the file, which must not exist.

    Raises:
        InputError: If the ticket cannot be fetched, or the file exists.
        TicketError: If the content is not a ticket or fails verification.
    """
    out = Path(out)
    if out.exists():
        raise InputError(f"{out} exists; choose another file")
    check_writable(out)
    if place.startswith((".", "/", "~")):
        content = read_bytes(Path(place).expanduser() / TICKET, "shared ticket")
    else:
        content = read_bytes(downloaded(place), "ticket file")
    ticket = Ticket.from_bytes(content)
    write_atomically(out, content)
    return ticket


def _record(path: Path) -> EvaluationRecord:
    """Read the record of an evaluation."""
    try:
        value = parsed_json(read_bytes(path, "record"))
    except ValueError as error:
        raise InputError(f"{path} is not a record: {error}") from None
    if not isinstance(value, dict) or value.get("kind") != "evaluation":
        raise InputError(f"{path} is not a record of an evaluation")
    return read_as(EvaluationRecord, value, path)


def _write(files: dict[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        write_atomically(folder / name, content)


def _upload(files: dict[str, bytes], to: str, private: bool) -> str:
    """Upload files to a hub repository, created if missing; return its address."""
    api = hub_library().HfApi()

    def upload() -> str:
        address = str(api.create_repo(to, private=private, exist_ok=True))
        with tempfile.TemporaryDirectory() as folder:
            _write(files, Path(folder))
            api.upload_folder(
                repo_id=to, folder_path=folder, commit_message="A robust scratch ticket"
            )
        return address

    return hub_call(f"cannot push to {to}", upload)
