"""Everything this library raises on purpose derives from :class:`ScratchticketError`."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec


class ScratchticketError(Exception):
    """Base of all errors of this library; its text is one line a user can act on."""


class InputError(ScratchticketError, ValueError):
    """A value given by the user cannot be used: the message says what would be right."""


class TicketError(ScratchticketError):
    """A ticket file is damaged, is none, or does not prove what it claims."""


class Unwritable(InputError):
    """A file cannot be written: the disk is full, or nothing may be written there."""


class Busy(InputError):
    """Another process writes a file."""


class OtherEvaluation(InputError):
    """What an evaluation has left is of other settings, images or versions."""


class NoGradient(InputError):
    """A network cannot be differentiated with respect to its images."""


class OutOfMemory(ScratchticketError):
    """There is not enough memory for so many images at a time."""


class Interrupted(ScratchticketError):
    """A run was asked to stop; its checkpoint holds everything done so far.

    Attributes:
        signal: Number of the signal that asked; none if it was no signal.
    """

    signal: int | None = None


class ToldElsewhere(ScratchticketError):
    """An error of another process of the same run, which tells the user."""


def extra_missing(what: str, error: Exception, extra: str) -> InputError:
    """Return the error for an optional package that is not there, or that fails to import.

    Args:
        what: What needs it.
        error: What importing it gave.
        extra: The extra of this package that brings it.
    """
    install = f"pip install 'scratchticket[{extra}]'"
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    if name is not None and find_spec(name.partition(".")[0]) is None:
        return InputError(f"{what} needs the package {name}: {install}")
    why = f"{type(error).__name__}: {first_line(error)}"
    return InputError(f"{what} needs what {install} brings, and that fails to import: {why}")


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or what it is called if it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that is not known, naming the nearest one that is.

    Args:
        kind: What the name stands for, in the singular: ``"network"``.
        name: What the user wrote.
        known: Every name that would have been right.
    """
    names = sorted(known)
    lower = {each.lower(): each for each in names}
    near = get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f"did you mean {lower[near[0]]!r}?" if near else f"known: {', '.join(names)}"
    return InputError(f"unknown {kind} {name!r}; {hint}")
