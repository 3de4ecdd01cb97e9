"""Signals: what Ctrl-C, and what a batch system sends before it kills, mean to a command."""

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

LATER = 0.02  # seconds after which an interruption that was lost comes again


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C, SIGTERM, SIGUSR1 and SIGUSR2 into a question the loop asks between two steps.

    The second signal has its usual effect, for those who cannot wait for the end of a step. Outside
    the main thread, where signals cannot be caught, nothing changes. :class:`Interrupted` is told
    which signal it was.
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
    """Let the other signals raise KeyboardInterrupt as Ctrl-C does, wherever they arrive.

    So what is open is closed, and what is held is given back. A signal that is ignored, and any but
    Ctrl-C that somebody handles already, is left alone.
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
        """Let an interruption come again that came in a destructor, where Python ignores it.

        A thread sends it: what is raised here would be ignored too.
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
    """Put back the handlers that a library replaces: Ray's ends the process at SIGTERM.

    If that happens before they are put back, it is an interruption as any other.
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
    """Ignore Ctrl-C from here on: the process ends, and an error is all it could still cause."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
