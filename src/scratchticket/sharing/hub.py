"""A shared ticket: ``ticket.safetensors``, its card ``README.md``, and records of evaluations.

The same in a local folder and in a repository of the Hugging Face Hub.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scratchticket.base.errors import InputError
from scratchticket.base.files import (
    check_text,
    check_writable,
    parsed_json,
    read_bytes,
    write_atomically,
)
from scratchticket.sharing.card import model_card
from scratchticket.tickets import Ticket
from scratchticket.tickets.hub import TICKET, asked, fetched, library
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
    """Share a ticket.

    Args:
        ticket: Its file.
        to: ``owner/name`` on the Hugging Face Hub, where you must be logged in; or a folder of your
            own, which begins with ``.`` or ``/`` and is new or empty.
        records: Files of records that ``evaluate`` wrote of this very ticket.
        private: Whether nobody else shall see a repository that is made.
        licence: Of the ticket, in the hub's spelling.

    Returns:
        Where it is now.

    Raises:
        InputError: If a file cannot be used, the folder is not empty, or the hub refuses.
    """
    loaded, content = Ticket.load(ticket), read_bytes(ticket_path(ticket), "ticket file")
    read = [_record(Path(record)) for record in records]
    files = {TICKET: content, CARD: b""}
    files |= {
        f"record-{place}.json": json.dumps(record, indent=2).encode()
        for place, record in enumerate(read)
    }
    in_folder = to.startswith((".", "/", "~"))
    if not in_folder and to.count("/") != 1:
        raise InputError(f"{to} is neither owner/name nor a folder, which begins with ./ or /")
    name = Path(to).name if in_folder else to
    check_text(name, "the name to share it under,")
    files[CARD] = model_card(loaded, read, name=name, licence=licence).encode()
    if in_folder:
        folder = Path(to).expanduser()
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} exists and is not an empty folder; choose another")
        folder.mkdir(parents=True, exist_ok=True)
        _write(files, folder)
        return str(folder)
    return _upload(files, to, private)


def pull(place: str, out: str | Path) -> Ticket:
    """Copy a shared ticket into a file of your own, once it has proved itself.

    Args:
        place: ``owner/name``, with ``@REVISION`` behind it for a certain one; or a folder that
            :func:`push` made, which begins with ``.`` or ``/``.
        out: The file; must not exist.

    Raises:
        InputError: If it cannot be had, or the file exists.
        TicketError: If it is no ticket or does not prove itself.
    """
    out = Path(out)
    if out.exists():
        raise InputError(f"{out} exists; choose another file")
    check_writable(out)
    if place.startswith((".", "/", "~")):
        content = read_bytes(Path(place).expanduser() / TICKET, "shared ticket")
    else:
        content = read_bytes(fetched(place), "ticket file")
    ticket = Ticket.from_bytes(content)
    write_atomically(out, content)
    return ticket


def _record(path: Path) -> dict[str, Any]:
    """Read a record of an evaluation."""
    try:
        value = parsed_json(read_bytes(path, "record"))
    except ValueError as error:
        raise InputError(f"{path} is no record: {error}") from None
    if not isinstance(value, dict) or value.get("kind") != "evaluation":
        raise InputError(f"{path} is no record of an evaluation")
    return value


def _write(files: dict[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        write_atomically(folder / name, content)


def _upload(files: dict[str, bytes], to: str, private: bool) -> str:
    """Write files to a repository of the hub, made unless it is there; return its address."""
    api = library().HfApi()

    def upload() -> str:
        address = str(api.create_repo(to, private=private, exist_ok=True))
        with tempfile.TemporaryDirectory() as folder:
            _write(files, Path(folder))
            api.upload_folder(
                repo_id=to, folder_path=folder, commit_message="A robust scratch ticket"
            )
        return address

    return asked(f"cannot push to {to}", upload)
