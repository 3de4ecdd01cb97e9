"""Download tickets from the Hugging Face Hub."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from scratchticket.base.errors import InputError, extra_missing, first_line

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
TICKET = "ticket.safetensors"  # name of the ticket file in a repository or shared folder
Done = TypeVar("Done")


def fetched(name: str) -> Path:
    """Return the ticket file of a repository on the hub, downloaded unless cached.

    Args:
        name: ``owner/name`` or ``owner/name@REVISION``.

    Raises:
        InputError: If it cannot be downloaded.
    """
    repository, _, revision = name.partition("@")
    if not _REPOSITORY.fullmatch(repository):
        raise InputError(f"a repository is OWNER/NAME, got {name!r}; a folder is written ./{name}")
    get = partial(
        library().hf_hub_download, repository, TICKET, revision=revision or None, etag_timeout=10
    )
    return Path(asked(f"cannot get {name} from the hub", get))


def library() -> Any:
    """Return the package huggingface_hub."""
    try:
        import huggingface_hub
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing("the hub", error, "hub") from None
    return huggingface_hub


def asked(failing: str, ask: Callable[[], Done]) -> Done:
    """Return the result of a call to the hub; any exception becomes an InputError of one line."""
    try:
        return ask()
    except Exception as error:  # of the connection, the disk or several libraries
        raise InputError(f"{failing}: {first_line(error)[:200]}") from None
