"""Handling of Ctrl-C and of the signals that batch systems send before they kill a job."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scratchticket.base.errors import Interrupted

_NAMES = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")  # the last two come from batch systems
_NUMBERS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]

LATER = 0.02  # seconds after which an interrupt that Python dropped is sent again


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether Ctrl-C, SIGTERM, SIGUSR1 or SIGUSR2 has arrived.

    A loop calls it between two steps. A second signal of the same kind has its usual effect.
    Outside the main thread, where signals cannot be caught, nothing changes. An
    :class:`Interrupted` raised in the context gets the number of the signal.
    """
    asked = threading.Event()
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.getsignal(number) for number in _NUMBERS}

    def ask(number: int, frame: object) -> None:
        received.append(number)
        asked.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in _NUMBERS:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    except Interrupted as stopped:
        stopped.signal = received[0] if received else None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGTERM, SIGUSR1 and SIGUSR2 raise KeyboardInterrupt too, inside the context.

    Files are then closed and leases released. Signals that are ignored stay ignored. Signals other
    than Ctrl-C keep a handler that they have.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    now = {number: signal.getsignal(number) for number in _NUMBERS}
    before = {
        number: handler
        for number, handler in now.items()
        if handler is signal.SIG_DFL or (number == signal.SIGINT and callable(handler))
    }
    for number in before:
        signal.signal(number, signal.default_int_handler)
    usual = sys.unraisablehook

    def again(lost: sys.UnraisableHookArgs) -> None:
        """Resend an interrupt that arrived in a destructor, where Python ignores it.

        A thread sends it, because an exception raised here would be ignored too.
        """
        if lost.exc_type is KeyboardInterrupt:
            threading.Timer(LATER, _thread.interrupt_main).start()
        else:
            usual(lost)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = usual
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def unchanged_handlers() -> Iterator[None]:
    """Restore the signal handlers that a library replaces.

    Ray's handler exits at SIGTERM; an exit before the restoration becomes a KeyboardInterrupt.
    """
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def too_late() -> None:
    """Ignore Ctrl-C while the process exits, when it could only cause an error message."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
