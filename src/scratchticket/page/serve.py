"""Serve the page: by default on this machine only, offline, with a temporary folder."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from inspect import signature
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scratchticket.base.errors import InputError
from scratchticket.page.blocks import build, import_gradio
from scratchticket.page.environment import NO_PROXY, environment
from scratchticket.page.guard import LOOPBACK, Guard
from scratchticket.page.pictures import MAX_BYTES
from scratchticket.page.service import Page
from scratchticket.page.sets import TicketSet

FIRST_PORT, PORTS = 7860, 100
SESSIONS = 32  # number of visitors whose state gradio keeps; the page uses no such state
PATIENCE = 60  # seconds for the server to start or stop
FONTS = ("system-ui", "sans-serif")
MONO = ("ui-monospace", "monospace")
READABLE = {  # colours with a contrast of at least 4.5 to 1
    f"{name}{mode}": colour
    for names, colours in (
        (("body_text_color_subdued", "block_info_text_color"), ("#5c6670", "#a3adb7")),
        (("button_primary_background_fill",), ("#1f5fbf", "#1f5fbf")),
        (("button_primary_background_fill_hover",), ("#174a96", "#174a96")),
    )
    for name in names
    for mode, colour in zip(("", "_dark"), colours, strict=True)
}
ENVIRONMENT = {  # no telemetry, and no settings of the user that would serve more files
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ALLOWED_PATHS": "",
    "GRADIO_ROOT_PATH": "",
    "GRADIO_SHARE": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",  # interval of unused statistics
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


@contextmanager
def served(
    sets: Sequence[TicketSet], *, host: str = "127.0.0.1", port: int | None = None
) -> Iterator[str]:
    """Serve the page while the context is open.

    Args:
        sets: Sets of tickets to choose from.
        host: Address to listen on.
        port: Port to listen on; if not given, the first free one from 7860.

    Yields:
        The page's address.

    Raises:
        InputError: If gradio is not installed, or the address and port cannot be used.
    """
    host = _without_brackets(host)
    with (
        _listening(host, port) as listener,
        TemporaryDirectory(prefix="scratchticket-page-") as name,
        environment(ENVIRONMENT | NO_PROXY | {"GRADIO_TEMP_DIR": name}),
    ):
        address, number = listener.getsockname()[:2]
        page = Page(sets, Path(name))
        page.opening(page.names[0])  # computed before the first visit
        app = Guard(_application(page, name), Path(name), _own_names(host, address))
        with _running(app, listener), closing(page):
            shown = "localhost" if ip_address(_without_scope(address)).is_unspecified else host
            yield f"http://{f'[{shown}]' if ':' in shown else shown}:{number}/"


def serve(
    sets: Sequence[TicketSet],
    *,
    host: str,
    port: int | None,
    ready: Callable[[str, bool], None],
) -> None:
    """Serve the page until Ctrl-C.

    Args:
        sets: See :func:`served`.
        host: Address to listen on.
        port: Port to listen on.
        ready: Called with the page's address, and whether other machines can reach it.

    Raises:
        InputError: See :func:`served`.
    """
    with suppress(KeyboardInterrupt), served(sets, host=host, port=port) as url:
        ready(url, not _is_loopback(_resolved(_without_brackets(host), 0)[1][0]))
        threading.Event().wait()


def _application(page: Page, folder: str) -> Any:
    """Return gradio's application for a page; it writes only to ``folder``."""
    gr = import_gradio()
    from fastapi import FastAPI

    gr.routes.DEFAULT_TEMP_DIR = folder  # gradio reads GRADIO_TEMP_DIR only at import
    blocks = build(page)
    blocks.state_session_capacity = SESSIONS
    unlisted: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}
    history = "run_history" in signature(gr.mount_gradio_app).parameters  # older gradio has none
    return gr.mount_gradio_app(
        FastAPI(**unlisted),
        blocks,
        path="/",
        app_kwargs=unlisted,
        footer_links=[],
        show_error=False,
        max_file_size=MAX_BYTES,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        theme=gr.themes.Default(primary_hue="blue", font=FONTS, font_mono=MONO).set(**READABLE),
        css=Path(__file__).with_name("page.css").read_text(),
        **({"run_history": False} if history else {}),
    )


@contextmanager
def _running(app: Guard, listener: socket.socket) -> Iterator[None]:
    """Run the server on a socket, in a thread, while the context is open.

    gradio's own launcher makes an HTTP request to itself, which fails behind a proxy or on a host
    name other than localhost.

    Raises:
        InputError: If the server does not start.
    """
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", proxy_headers=False, server_header=False, ws="none"
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        end = time.monotonic() + PATIENCE
        while not server.started:
            if not thread.is_alive() or time.monotonic() > end:
                raise InputError("the page's server did not start")
            time.sleep(0.01)
        yield
    finally:
        # Do not log interrupted requests as errors.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        server.should_exit = server.force_exit = True
        thread.join(PATIENCE)


def _without_brackets(host: str) -> str:
    """Return an IPv6 address without its URL brackets."""
    return host.removeprefix("[").removesuffix("]")


def _without_scope(address: str) -> str:
    """Return a numeric address without its scope (``%eth0``)."""
    return address.partition("%")[0]


def _is_loopback(address: str) -> bool:
    """Return whether a numeric address can only be reached from this machine."""
    return ip_address(_without_scope(address)).is_loopback


def _own_names(host: str, address: str) -> tuple[str, ...] | None:
    """Return the host names that a request may use; None for any.

    Args:
        host: Host as given by the user.
        address: The host's numeric address.
    """
    if not _is_loopback(address):
        return None
    own = (f"[{name}]" if ":" in name else name.lower() for name in (host, address))
    return tuple(dict.fromkeys((*LOOPBACK, *own)))


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """Return the family and address of a listening socket for a host.

    Raises:
        OSError: If the host is unknown.
        OverflowError: If the port is out of range.
        UnicodeError: If ``host`` is not a valid host name.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return found[0][0], found[0][4]


def _listening(host: str, port: int | None) -> socket.socket:
    """Return a listening socket.

    Raises:
        InputError: If all ports are taken, or the host is not this machine.
    """
    for number in range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else [port]:
        try:
            family, address = _resolved(host, number)
            listener = socket.socket(family)
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(address)
                listener.listen()
            except BaseException:
                listener.close()
                raise
            return listener
        except OSError as error:
            why = error.strerror or str(error)
        except OverflowError:
            why = "ports run from 0 to 65535"
        except UnicodeError:
            why = "no such host"
    where = port if port is not None else f"{FIRST_PORT} to {FIRST_PORT + PORTS - 1}"
    raise InputError(f"cannot listen on {host}, port {where}: {why}")
