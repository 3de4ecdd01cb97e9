"""The errors of this library, all derived from :class:`ScratchticketError`."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec


class ScratchticketError(Exception):
    """Base of all errors; the message is one line that tells the user what to do."""


class InputError(ScratchticketError, ValueError):
    """A value given by the user cannot be used; the message says which values can."""


class TicketError(ScratchticketError):
    """A file is not a ticket, is damaged, or fails verification."""


class Unwritable(InputError):
    """A file cannot be written: the disk is full, or writing is not permitted."""


class Busy(InputError):
    """Another process is writing the file."""


class OtherEvaluation(InputError):
    """A folder holds an evaluation with other settings, images or versions."""


class NoGradient(InputError):
    """A network cannot be differentiated with respect to its images."""


class OutOfMemory(ScratchticketError):
    """There is not enough memory for a batch."""


class Interrupted(ScratchticketError):
    """A run was asked to stop; its checkpoint holds everything done so far.

    Attributes:
        signal: Number of the signal; None if the reason was not a signal.
    """

    signal: int | None = None


class ReportedElsewhere(ScratchticketError):
    """The run failed in another of its processes, which reports the error to the user."""


def extra_missing(what: str, error: Exception, extra: str) -> InputError:
    """Return the error for an optional package that is missing or fails to import.

    Args:
        what: Feature that needs the package.
        error: Error of the import.
        extra: Extra of scratchticket that installs the package.
    """
    install = f"pip install 'scratchticket[{extra}]'"
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    if name is not None and find_spec(name.partition(".")[0]) is None:
        return InputError(f"{what} needs the package {name}: {install}")
    why = f"{type(error).__name__}: {first_line(error)}"
    return InputError(
        f"{what} needs the packages that `{install}` installs, but one fails to import: {why}"
    )


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if it has no message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for an unknown name; it suggests the most similar known one.

    Args:
        kind: Kind of the named thing, in the singular: ``"network"``.
        name: The unknown name.
        known: All known names.
    """
    names = sorted(known)
    lower = {each.lower(): each for each in names}
    near = get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f"did you mean {lower[near[0]]!r}?" if near else f"known: {', '.join(names)}"
    return InputError(f"unknown {kind} {name!r}; {hint}")
