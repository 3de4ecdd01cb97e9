"""What the page's server answers at all: a list, and everything else is refused.

gradio serves files from its temporary folder, fetches addresses for whoever asks, and takes uploads
without bound. The page needs none of that, so such requests do not reach it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from scratchticket.page.pictures import MAX_BYTES

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

API = "/gradio_api"
READ = {
    "/",
    "/config",
    "/theme.css",
    "/favicon.ico",
    "/manifest.json",
    "/robots.txt",
    *(f"{API}/{name}" for name in ("info", "queue/data", "startup-events", "theme.css")),
    f"{API}/upload_progress",
}
BELOW = ("/assets/", "/static/", f"{API}/heartbeat/")
UPLOAD, JOIN = f"{API}/upload", f"{API}/queue/join"
POSTED = {  # at most so many bytes
    UPLOAD: MAX_BYTES + 2**14,
    JOIN: 2**18,
    f"{API}/cancel": 2**14,
    f"{API}/reset": 2**14,
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Lets pass what the page needs, as ASGI middleware.

    Args:
        app: What answers.
        folder: Where uploads are; no request may name a file anywhere else.
        hosts: What the page may be called in an address, so that no other site's name can be
            pointed at it; none for any.
    """

    def __init__(self, app: App, folder: Path, hosts: tuple[str, ...] | None = LOOPBACK) -> None:
        self._app, self._folder, self._hosts = app, folder.resolve(), hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        status = self._refusal(scope)
        body = b""
        if not status and scope["path"] == JOIN:
            body, receive = await _read(receive)
            status = 0 if self._is_harmless(body) else 403
        if status:
            await _refuse(status, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Message) -> int:
        """Return the HTTP status a request is refused with; 0 if it may pass."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self._hosts is not None and name not in self._hosts:
            return 403
        path, method = scope["path"], scope["method"]
        if method in ("GET", "HEAD"):
            return 0 if path in READ or path.startswith(BELOW) else 403
        if method != "POST" or path not in POSTED:
            return 403
        length = headers.get(b"content-length", "")
        if not length.isdecimal() or b"transfer-encoding" in headers:
            return 411
        return 413 if int(length) > POSTED[path] else 0

    def _is_harmless(self, body: bytes) -> bool:
        """Whether a request names no file but uploads."""
        try:
            return self._names_uploads(json.loads(body))
        except (ValueError, RecursionError):
            return False

    def _names_uploads(self, value: Any) -> bool:
        if isinstance(value, dict):
            named = value.get("path")
            if named is not None and not self.holds(named):
                return False
            return all(self._names_uploads(inner) for inner in value.values())
        if isinstance(value, list):
            return all(self._names_uploads(inner) for inner in value)
        return True

    def holds(self, named: object) -> bool:
        """Whether something is the path of a file in the folder of uploads."""
        return is_upload(named, self._folder)


def is_upload(named: object, folder: Path) -> bool:
    """Whether something is the path of a file in a folder, links followed."""
    if not isinstance(named, str) or "\0" in named:
        return False
    try:
        path = Path(named).resolve()
    except OSError:
        return False
    return Path(named).is_absolute() and path.is_relative_to(folder.resolve()) and path.is_file()


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """Read a request's body, and return what gives it again."""
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body, given = b"".join(parts), False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again


async def _refuse(status: int, send: Send) -> None:
    said = {403: "not served here", 411: "length required", 413: "too large"}[status]
    content = json.dumps({"detail": said}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
