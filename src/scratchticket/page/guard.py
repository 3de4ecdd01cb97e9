"""ASGI middleware in front of gradio: an allowlist of requests.

By default, gradio lets everyone, even other sites' pages, read files in its temporary folder, make
it fetch URLs, and upload without limit. The page needs none of this, so such requests are refused.
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
    *(f"{API}/{name}" for name in ("info", "startup-events", "theme.css")),
    f"{API}/upload_progress",
}
BELOW = ("/assets/", "/static/", f"{API}/heartbeat/")
UPLOAD, CALL = f"{API}/upload", f"{API}/run/predict"
POSTED = {  # largest body by path, in bytes
    UPLOAD: MAX_BYTES + 2**14,
    CALL: 2**18,
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
UNDER_WAY = 4  # largest number of concurrent uploads
UNREAD = 8  # largest number of unread uploads; older ones are deleted
UNREAD_SECONDS = 60  # time after which an unread upload is deleted
SECONDS = 60  # time limit for an upload to arrive
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
    """ASGI middleware that passes only requests the page needs.

    Args:
        app: The guarded application.
        folder: Folder of uploads; no request may name a file elsewhere.
        hosts: Host names that a request may use, against DNS rebinding; None allows any.
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
        if not status and scope["path"] == CALL:
            body, receive = await _read(receive)
            status = 0 if self._is_harmless(body) else 403
        if status:
            await _refuse(status, answer)
        else:
            await self._app(scope, receive, answer)

    async def _upload(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on an upload once it has arrived, and delete old ones."""
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
        """Return the HTTP status of a refusal; 0 if the request may pass."""
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
        """Return whether a request names no files except uploads."""
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
        """Return whether a value is the path of a file in the upload folder."""
        return is_upload(named, self._folder)


def is_upload(named: object, folder: Path) -> bool:
    """Return whether a value is the path of a file in a folder, after resolving links."""
    if not isinstance(named, str) or "\0" in named:
        return False
    try:
        path = Path(named).resolve()
    except OSError:
        return False
    return Path(named).is_absolute() and path.is_relative_to(folder.resolve()) and path.is_file()


def _is_from_the_page(headers: dict[bytes, str], host: str, path: str, method: str) -> bool:
    """Return whether a request comes from the page itself or a visitor, not from another site.

    Browsers state the origin in two headers that no site can change; other programs send neither.

    Args:
        headers: Headers of the request.
        host: Host in the request.
        path: Path of the request; other sites may link to ``/``.
        method: Method of the request.
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
    """Return whether a multipart body has exactly one part: its boundary recurs only at the end.

    gradio would accept up to 1000 files at a time, and never delete those with certain names.
    """
    line = body.lstrip(b"\r\n").partition(b"\r\n")[0]
    return len(line) > 2 and body.count(line) == 2


def delete_unread(folder: Path, most: int) -> None:
    """Delete unread uploads that are older than ``UNREAD_SECONDS``, and all but the newest.

    Args:
        folder: Folder of uploads; gradio makes a subfolder for each.
        most: Largest number of uploads to keep.
    """
    ages: list[tuple[float, Path]] = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # it may be read and deleted meanwhile
            if path.is_file():
                ages.append((path.stat().st_mtime, path))
    old = time.time() - UNREAD_SECONDS
    for place, (changed, path) in enumerate(sorted(ages, reverse=True)):
        if place >= most or changed < old:
            delete_upload(path, folder)


def delete_upload(path: Path, folder: Path) -> None:
    """Delete an upload with the folder that gradio made for it."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
        if path.parent.resolve() != folder.resolve():
            path.parent.rmdir()


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """Return a request's body, and a function that replays it."""
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
