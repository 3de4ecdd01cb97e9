"""What the page's server refuses, whoever asks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from scratchticket.page.guard import JOIN, UPLOAD, Guard, Message, Receive, Send


async def _yes(scope: Message, receive: Receive, send: Send) -> None:
    """Answers everything, with what it was sent."""
    body = b""
    if scope["method"] == "POST":
        body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def asked(
    folder: Path,
    path: str,
    method: str = "GET",
    body: bytes = b"",
    *,
    hosts: tuple[str, ...] | None = ("127.0.0.1", "localhost"),
    **headers: str,
) -> tuple[int, bytes]:
    """Return status and body of the answer."""
    told = {"host": "127.0.0.1:7860", "content-length": str(len(body))} | headers
    sent: list[Any] = []
    half = len(body) // 2
    parts = [(body[:half], True), (body[half:], False)]

    async def receive() -> Message:
        part, more = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": more}

    async def send(message: Message) -> None:
        sent.append(message)

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in told.items()]
    scope = {"type": "http", "path": path, "method": method, "headers": named}
    asyncio.run(Guard(_yes, folder, hosts)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize("path", ["/", "/config", "/assets/index.js", "/gradio_api/queue/data"])
def test_what_the_page_needs_passes(tmp_path: Path, path: str) -> None:
    assert asked(tmp_path, path)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=http://example.org/",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/proxy=http://example.org/",
        "/gradio_api/run-history/records",
        "/monitoring",
        "/docs",
        "/anything",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_everything_else_is_refused(tmp_path: Path, path: str, method: str) -> None:
    assert asked(tmp_path, path, method)[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "", "localhost.evil"])
def test_no_other_name_leads_to_the_page(tmp_path: Path, host: str) -> None:
    assert asked(tmp_path, "/", host=host)[0] == 403
    assert asked(tmp_path, "/", host=host, hosts=None)[0] == 200
    assert asked(tmp_path, "/", host="localhost")[0] == 200


def test_large_requests_are_refused_before_they_are_read(tmp_path: Path) -> None:
    assert asked(tmp_path, UPLOAD, "POST", content_length=str(6 * 2**20))[0] == 413
    assert asked(tmp_path, UPLOAD, "POST", content_length="many")[0] == 411
    assert asked(tmp_path, UPLOAD, "POST", transfer_encoding="chunked")[0] == 411
    assert asked(tmp_path, JOIN, "POST", content_length=str(2**20))[0] == 413


def test_only_uploads_may_be_named(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    mine, other = folder / "mine.png", tmp_path / "other.png"
    mine.touch()
    other.touch()
    (folder / "link.png").symlink_to(other)

    def status(path: object) -> int:
        body = json.dumps({"data": [1, {"path": path, "meta": {"_type": "gradio.FileData"}}]})
        return asked(folder, JOIN, "POST", body.encode())[0]

    assert status(str(mine)) == 200
    for path in (str(other), str(folder / "link.png"), f"{folder}/../other.png", "mine.png"):
        assert status(path) == 403
    for path in ("http://example.org/", "/etc/passwd", str(folder), "\0", 3, ["x"], "x" * 9999):
        assert status(path) == 403


def test_a_harmless_request_arrives_whole(tmp_path: Path) -> None:
    body = json.dumps({"data": ["0.1", None, [1, 2]]}).encode()

    assert asked(tmp_path, JOIN, "POST", body) == (200, body)
    assert asked(tmp_path, JOIN, "POST", b"{")[0] == 403
    assert asked(tmp_path, JOIN, "POST", b"[" * 100_000)[0] == 403
