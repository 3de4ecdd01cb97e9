"""What the page's server refuses, whoever asks."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from scratchticket.page.guard import (
    CALL,
    UNREAD,
    UNREAD_SECONDS,
    UPLOAD,
    Guard,
    Message,
    Receive,
    Send,
    delete_unread,
)


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
    answered = dict(sent[0]["headers"])
    assert answered[b"content-security-policy"] == b"frame-ancestors 'none'"
    assert answered[b"x-frame-options"] == b"DENY"
    return sent[0]["status"], sent[1]["body"]


def multipart(count: int, boundary: str = "x") -> bytes:
    """An upload of so many files."""
    head = 'Content-Disposition: form-data; name="files"; filename="{}.png"'
    parts = (f"--{boundary}\r\n{head.format(n)}\r\n\r\npixels\r\n" for n in range(count))
    return (f"{''.join(parts)}--{boundary}--\r\n").encode()


@pytest.mark.parametrize("path", ["/", "/config", "/assets/index.js", "/gradio_api/startup-events"])
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
        "/gradio_api/queue/data",
        "/gradio_api/queue/join",
        "/gradio_api/call/predict",
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


PAGE = "http://127.0.0.1:7860"
OTHERS = ["http://evil.example", "http://127.0.0.1:8000", "http://localhost:7860", "null", ""]


@pytest.mark.parametrize("path", [UPLOAD, CALL])
def test_no_other_site_posts(tmp_path: Path, path: str) -> None:
    body = multipart(1) if path == UPLOAD else b"{}"

    assert asked(tmp_path, path, "POST", body)[0] == 200  # a program, which can be no visitor's
    assert asked(tmp_path, path, "POST", body, origin=PAGE)[0] == 200
    assert asked(tmp_path, path, "POST", body, origin=PAGE, sec_fetch_site="same-origin")[0] == 200
    for origin in OTHERS:
        assert asked(tmp_path, path, "POST", body, origin=origin)[0] == 403
        assert asked(tmp_path, path, "POST", body, origin=origin, hosts=None)[0] == 403
    for site in ("cross-site", "same-site", "none"):
        assert asked(tmp_path, path, "POST", body, sec_fetch_site=site)[0] == 403
        assert asked(tmp_path, path, "POST", body, sec_fetch_site=site, origin=PAGE)[0] == 403


@pytest.mark.parametrize("path", ["/", "/config", "/assets/index.js", "/gradio_api/startup-events"])
def test_no_other_site_reads(tmp_path: Path, path: str) -> None:
    for site in ("cross-site", "same-site"):
        assert asked(tmp_path, path, sec_fetch_site=site)[0] == 403
        for kind in ("iframe", "embed", "object"):
            frame = {"sec_fetch_mode": "navigate", "sec_fetch_dest": kind}
            assert asked(tmp_path, path, sec_fetch_site=site, **frame)[0] == 403
    for origin in OTHERS:
        assert asked(tmp_path, path, origin=origin)[0] == 403


def test_links_lead_to_the_page(tmp_path: Path) -> None:
    link = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}

    for site in ("cross-site", "same-site", "none"):
        assert asked(tmp_path, "/", sec_fetch_site=site, **link)[0] == 200
    assert asked(tmp_path, "/config", sec_fetch_site="cross-site", **link)[0] == 403


def test_one_file_is_uploaded_at_a_time(tmp_path: Path) -> None:
    assert asked(tmp_path, UPLOAD, "POST", multipart(1)) == (200, multipart(1))
    for count in (0, 2, 900):
        assert asked(tmp_path, UPLOAD, "POST", multipart(count))[0] == 400
    for body in (b"", b"--", b"x", multipart(1).removesuffix(b"--x--\r\n")):
        assert asked(tmp_path, UPLOAD, "POST", body)[0] == 400


def test_few_uploads_arrive_at_a_time_and_each_within_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scratchticket.page.guard.SECONDS", 0.05)
    body = multipart(1)
    named = [(b"host", b"localhost"), (b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "path": UPLOAD, "method": "POST", "headers": named}
    statuses: list[int] = []

    async def never() -> Message:
        await asyncio.sleep(3600)
        return {}

    async def send(message: Message) -> None:
        statuses.extend(message[key] for key in ("status",) if key in message)

    async def upload() -> None:
        guard = Guard(_yes, tmp_path)
        await asyncio.gather(*(guard(scope, never, send) for _ in range(6)))

    asyncio.run(upload())

    assert statuses == [503, 503, 408, 408, 408, 408]


def test_uploads_that_nobody_reads_are_deleted(tmp_path: Path) -> None:
    now = time.time()
    ages = [*range(12), UNREAD_SECONDS + 1, 9999]
    for age in ages:
        folder = tmp_path / f"{age}"
        folder.mkdir()
        (folder / "image.png").touch()
        os.utime(folder / "image.png", (now - age, now - age))

    delete_unread(tmp_path, most=99)
    assert len(list(tmp_path.rglob("*.png"))) == 12
    delete_unread(tmp_path, most=3)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2"]


def test_of_many_uploads_a_few_stay(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "image.png").touch()
        asked(tmp_path, UPLOAD, "POST", multipart(1))

    assert len(list(tmp_path.rglob("*.png"))) == UNREAD
    assert len(list(tmp_path.iterdir())) == UNREAD


def test_large_requests_are_refused_before_they_are_read(tmp_path: Path) -> None:
    assert asked(tmp_path, UPLOAD, "POST", content_length=str(6 * 2**20))[0] == 413
    assert asked(tmp_path, UPLOAD, "POST", content_length="many")[0] == 411
    assert asked(tmp_path, UPLOAD, "POST", transfer_encoding="chunked")[0] == 411
    assert asked(tmp_path, CALL, "POST", content_length=str(2**20))[0] == 413


def test_only_uploads_may_be_named(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    mine, other = folder / "mine.png", tmp_path / "other.png"
    mine.touch()
    other.touch()
    (folder / "link.png").symlink_to(other)

    def status(path: object) -> int:
        body = json.dumps({"data": [1, {"path": path, "meta": {"_type": "gradio.FileData"}}]})
        return asked(folder, CALL, "POST", body.encode())[0]

    assert status(str(mine)) == 200
    for path in (str(other), str(folder / "link.png"), f"{folder}/../other.png", "mine.png"):
        assert status(path) == 403
    for path in ("http://example.org/", "/etc/passwd", str(folder), "\0", 3, ["x"], "x" * 9999):
        assert status(path) == 403


def test_a_harmless_request_arrives_whole(tmp_path: Path) -> None:
    body = json.dumps({"data": ["0.1", None, [1, 2]]}).encode()

    assert asked(tmp_path, CALL, "POST", body) == (200, body)
    assert asked(tmp_path, CALL, "POST", b"{")[0] == 403
    assert asked(tmp_path, CALL, "POST", b"[" * 100_000)[0] == 403
