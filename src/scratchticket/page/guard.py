"""What the page's server answers at all: a list, and everything else is refused.

gradio serves files from its temporary folder, fetches addresses for whoever asks, takes uploads
without bound, and takes them from pages of other sites. The page needs none of that, so such
requests do not reach it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
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
UNDER_WAY = 4  # uploads that arrive at a time
UNREAD = 8  # uploads that wait to be read; of more, the oldest are deleted
UNREAD_SECONDS = 60  # after which an upload that nobody has read is deleted
SECONDS = 60  # that an upload may take to arrive
ON_EVERY_ANSWER = [
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
]
REFUSED = {
    400: "one file at a time",
    403: "not served here",
    408: "too slow",
    411: "length required",
    413: "too large",
    503: "too many uploads at a time",
}


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
        self._under_way = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *ON_EVERY_ANSWER]}
            await send(message)

        status = self._refusal(scope)
        if not status and scope["path"] == UPLOAD:
            await self._upload(scope, receive, answer)
            return
        if not status and scope["path"] == JOIN:
            body, receive = await _read(receive)
            status = 0 if self._is_harmless(body) else 403
        if status:
            await _refuse(status, answer)
        else:
            await self._app(scope, receive, answer)

    async def _upload(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on an upload once it is there, and see to it that few lie about."""
        if self._under_way >= UNDER_WAY:
            await _refuse(503, send)
            return
        self._under_way += 1
        try:
            try:
                async with asyncio.timeout(SECONDS):
                    body, receive = await _read(receive)
                status = 0 if _is_one_file(body) else 400
            except TimeoutError:
                status = 408
            if status:
                await _refuse(status, send)
            else:
                await self._app(scope, receive, send)
        finally:
            self._under_way -= 1
            delete_unread(self._folder, UNREAD)
            loop = asyncio.get_running_loop()
            loop.call_later(UNREAD_SECONDS + 1, delete_unread, self._folder, UNREAD)

    def _refusal(self, scope: Message) -> int:
        """Return the HTTP status a request is refused with; 0 if it may pass."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self._hosts is not None and name.lower() not in self._hosts:
            return 403
        path, method = scope["path"], scope["method"]
        if not _is_from_the_page(headers, host, path, method):
            return 403
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


def _is_from_the_page(headers: dict[bytes, str], host: str, path: str, method: str) -> bool:
    """Whether a browser, if it is one that asks, does so for the page itself or its visitor.

    Browsers say so in two headers that no site can change. Programs send neither of them.

    Args:
        headers: Of the request.
        host: What it calls this server.
        path: What it asks for; links to the page may stand anywhere.
        method: Of the request.
    """
    origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site", "same-origin")
    if origin is not None and origin.lower() not in (
        f"http://{host}".lower(),
        f"https://{host}".lower(),
    ):
        return False
    if method == "POST":
        return site == "same-origin"
    linked = headers.get(b"sec-fetch-mode"), headers.get(b"sec-fetch-dest")
    return site in ("same-origin", "none") or (path == "/" and linked == ("navigate", "document"))


def _is_one_file(body: bytes) -> bool:
    """Whether a multipart body has one part: the line it begins with comes again at the end alone.

    gradio takes up to 1000 files at a time, and those of some names stay in its folder.
    """
    line = body.lstrip(b"\r\n").partition(b"\r\n")[0]
    return len(line) > 2 and body.count(line) == 2


def delete_unread(folder: Path, most: int) -> None:
    """Delete uploads that nobody has read: those that are old, and the oldest of too many.

    Args:
        folder: Of uploads; gradio makes a folder for each.
        most: How many may stay.
    """
    ages: list[tuple[float, Path]] = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # it was read meanwhile
            if path.is_file():
                ages.append((path.stat().st_mtime, path))
    old = time.time() - UNREAD_SECONDS
    for place, (changed, path) in enumerate(sorted(ages, reverse=True)):
        if place >= most or changed < old:
            delete_upload(path, folder)


def delete_upload(path: Path, folder: Path) -> None:
    """Delete an upload, and the folder that gradio has made for it."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
        if path.parent.resolve() != folder.resolve():
            path.parent.rmdir()


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
    content = json.dumps({"detail": REFUSED[status]}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
