"""The Hugging Face Hub: how it is asked, and the ticket file of a repository."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from scratchticket.base.errors import InputError, extra_missing, first_line

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
TICKET = "ticket.safetensors"  # in every repository and folder that shares one
Done = TypeVar("Done")


def fetched(name: str) -> Path:
    """Return the ticket file of a repository on the hub, downloaded unless it was before.

    Args:
        name: ``owner/name`` or ``owner/name@REVISION``.

    Raises:
        InputError: If it cannot be had.
    """
    repository, _, revision = name.partition("@")
    if not _REPOSITORY.fullmatch(repository):
        raise InputError(f"a repository is OWNER/NAME, got {name!r}; a folder is written ./{name}")
    get = partial(
        library().hf_hub_download, repository, TICKET, revision=revision or None, etag_timeout=10
    )
    return Path(asked(f"cannot get {name} from the hub", get))


def library() -> Any:
    """Return the package that speaks with the hub."""
    try:
        import huggingface_hub
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing("the hub", error, "hub") from None
    return huggingface_hub


def asked(failing: str, ask: Callable[[], Done]) -> Done:
    """Return what the hub answers; say in one line what stands in the way."""
    try:
        return ask()
    except Exception as error:  # of the network, of its several libraries, of the disk
        raise InputError(f"{failing}: {first_line(error)[:200]}") from None
