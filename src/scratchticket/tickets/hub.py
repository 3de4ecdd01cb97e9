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
Value = TypeVar("Value")


def downloaded(name: str) -> Path:
    """Return the local path of a ticket on the hub, downloaded if it is not in the cache.

    Args:
        name: ``owner/name`` or ``owner/name@REVISION``.

    Raises:
        InputError: If it cannot be downloaded.
    """
    repository, _, revision = name.partition("@")
    if not _REPOSITORY.fullmatch(repository):
        raise InputError(f"a repository is OWNER/NAME, got {name!r}; write a folder as ./{name}")
    get = partial(
        hub_library().hf_hub_download,
        repository,
        TICKET,
        revision=revision or None,
        etag_timeout=10,
    )
    return Path(hub_call(f"cannot get {name} from the hub", get))


def hub_library() -> Any:
    """Return the package huggingface_hub."""
    try:
        import huggingface_hub
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing("the hub", error, "hub") from None
    return huggingface_hub


def hub_call(failure: str, call: Callable[[], Value]) -> Value:
    """Call the hub; any exception becomes an InputError that begins with ``failure``."""
    try:
        return call()
    except Exception as error:  # from the connection, the disk or one of several libraries
        raise InputError(f"{failure}: {first_line(error)[:200]}") from None
