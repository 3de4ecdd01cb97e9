"""Serving the page: to this machine alone, without a network, from a folder that goes with it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from scratchticket.errors import InputError
from scratchticket.page.blocks import build, import_gradio
from scratchticket.page.desk import Page
from scratchticket.page.guard import LOOPBACK, Guard
from scratchticket.page.pictures import MAX_BYTES
from scratchticket.page.sets import TicketSet

FIRST_PORT, PORTS = 7860, 100
SESSIONS = 32  # visitors whose last attack is kept
WAITING = 16  # requests in a queue
FONTS = ("system-ui", "sans-serif")
MONO = ("ui-monospace", "monospace")
FAINT = {  # small print, dark enough to be read
    f"{name}{mode}": colour
    for name in ("body_text_color_subdued", "block_info_text_color")
    for mode, colour in (("", "#5c6670"), ("_dark", "#a3adb7"))
}
ENVIRONMENT = {  # gradio must neither call home nor serve more than it is told to
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ALLOWED_PATHS": "",
    "GRADIO_ROOT_PATH": "",
    "GRADIO_SHARE": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",  # of statistics that nobody reads
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


@contextmanager
def served(
    sets: Sequence[TicketSet], *, host: str = "127.0.0.1", port: int | None = None
) -> Iterator[str]:
    """Serve the page as long as the context is open.

    Args:
        sets: What can be chosen.
        host: Address to listen on.
        port: If not given, the first free one from 7860.

    Yields:
        The page's address.

    Raises:
        InputError: If gradio is not installed, or nothing can listen there.
    """
    host = host.removeprefix("[").removesuffix("]")
    port = _free_port(host, port)
    with TemporaryDirectory(prefix="scratchticket-page-") as name, _environment(Path(name)):
        gr = import_gradio()
        gr.routes.DEFAULT_TEMP_DIR = name  # else that of the time at which gradio was imported
        blocks = build(Page(sets, Path(name)))
        blocks.queue(max_size=WAITING, default_concurrency_limit=4)
        from starlette.middleware import Middleware

        hosts = LOOPBACK if _is_loopback(host) else None
        theme = gr.themes.Default(primary_hue="blue", font=FONTS, font_mono=MONO).set(**FAINT)
        try:
            _, url, _ = blocks.launch(
                server_name=f"[{host}]" if ":" in host else host,
                server_port=port,
                share=False,
                quiet=True,
                prevent_thread_lock=True,
                show_error=False,
                footer_links=[],
                run_history=False,
                max_file_size=MAX_BYTES,
                enable_monitoring=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                state_session_capacity=SESSIONS,
                theme=theme,
                css=Path(__file__).with_name("page.css").read_text(),
                app_kwargs={
                    "middleware": [Middleware(Guard, folder=Path(name), hosts=hosts)],
                    "docs_url": None,
                    "redoc_url": None,
                    "openapi_url": None,
                },
            )
            yield url
        finally:
            blocks.close(verbose=False)


def serve(
    sets: Sequence[TicketSet],
    *,
    host: str,
    port: int | None,
    ready: Callable[[str, bool], None],
) -> None:
    """Serve the page until Ctrl-C.

    Args:
        sets: As of :func:`served`, as are host and port.
        host: Address to listen on.
        port: To listen on.
        ready: Called with the page's address, and whether other machines may reach it.

    Raises:
        InputError: As of :func:`served`.
    """
    with suppress(KeyboardInterrupt), served(sets, host=host, port=port) as url:
        ready(url, not _is_loopback(host))
        threading.Event().wait()


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    return host in ("localhost", "::1", "[::1]") or host.startswith("127.")


def _free_port(host: str, port: int | None) -> int:
    """Return a port that nobody listens on.

    Raises:
        InputError: If there is none, or it is no address of this machine.
    """
    for number in range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else [port]:
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[
                0
            ]
            with socket.socket(family, kind) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(address)
                return int(listener.getsockname()[1])
        except OSError as error:
            why = error.strerror or str(error)
        except OverflowError:
            why = "ports run from 0 to 65535"
    where = port if port is not None else f"{FIRST_PORT} to {FIRST_PORT + PORTS - 1}"
    raise InputError(f"cannot listen on {host}, port {where}: {why}")


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """Set what gradio reads from the environment, and put it back."""
    wanted: Mapping[str, str] = ENVIRONMENT | {"GRADIO_TEMP_DIR": str(folder)}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
