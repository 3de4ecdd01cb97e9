"""The page in a browser: offline, by keyboard, on a phone, and nothing else is served."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from typer.testing import CliRunner

from accessibility import grave_findings
from patience import PATIENCE
from scratchticket import gallery
from scratchticket.base.errors import InputError
from scratchticket.cli.app import app
from scratchticket.page import SWITCH, TicketSet, try_attack
from scratchticket.page.each import try_each
from scratchticket.page.service import SAMPLE, UNKNOWN, WAITING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("gradio")
PHONE, WIDE = {"width": 390, "height": 844}, {"width": 1300, "height": 900}
# gradio makes an event loop for each control and never closes it
pytestmark = pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning")


@contextmanager
def serving(chosen: TicketSet) -> Iterator[str]:
    from scratchticket.page.serve import served

    with served([chosen], port=0) as url:
        yield url
    asyncio.set_event_loop(None)  # so that gradio's are gone before other tests run
    gc.collect()


@pytest.fixture(scope="module")
def looked_up() -> Iterator[list[object]]:
    """Names of machines that this process looks up."""
    hosts: list[object] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *how: Any, **more: Any) -> Any:
        hosts.append(host)
        return real(host, *how, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield hosts
    assert hosts
    ours = {"203.0.113.1", "127.0.0.2", "127.1", "LOCALHOST"}  # of tests
    assert set(hosts) - ours <= {"127.0.0.1", b"127.0.0.1", "localhost", "::1", b"::1"}


@pytest.fixture(scope="module")
def url(chosen: TicketSet, looked_up: list[object]) -> Iterator[str]:
    with serving(chosen) as address:
        yield address


#: What gradio says of a request of its own that a newer one, or the end of the page, cuts off.
CUT_OFF = ("AbortError: signal is aborted", "Connection errored out")


@contextmanager
def opening(browser: Browser, url: str, **how: Any) -> Iterator[Page]:
    """The page, opened; complaints of the browser and requests to others are errors at the end."""
    opened = browser.new_page(**how)
    opened.set_default_timeout(1000 * PATIENCE)
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(url)
    opened.wait_for_selector("#preview img")
    yield opened
    opened.close()
    assert [text for text in said if not any(cut in text for cut in CUT_OFF)] == []
    hosts = {urlsplit(address).hostname for address in asked if not address.startswith("data:")}
    assert hosts == {"127.0.0.1"}


@pytest.fixture(scope="module")
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """One page for the tests that leave no trace in it but what is chosen."""
    with opening(browser, url) as page:
        yield page


def test_an_attack_is_seen_step_by_step_by_keyboard_alone(opened: Page) -> None:
    epsilon = opened.get_by_label("Epsilon")
    for _ in range(60):
        if epsilon.evaluate("e => e === document.activeElement"):
            break
        opened.keyboard.press("Tab")
    opened.keyboard.press("Control+A")
    opened.keyboard.type("0.3")
    opened.keyboard.press("Enter")
    opened.get_by_role("heading", name="under pgd-20, linf, 0.3").wait_for()
    result = opened.locator("#seen")
    assert "Step 20 of 20" in result.inner_text()
    assert "made on each network itself" in result.inner_text()

    opened.focus("#step input[type=range]")
    opened.keyboard.press("ArrowLeft")

    opened.get_by_text("Step 19 of 20").wait_for()
    assert result.locator("img").count() == 6
    assert all(image.get_attribute("alt") for image in result.locator("img").all())
    for name in ("ticket ratio-0.3", "naturally trained network", "robustly trained network"):
        assert result.get_by_role("heading", name=name).count() == 1


def test_every_control_has_a_label(opened: Page) -> None:
    unnamed = opened.evaluate(
        """() => [...document.querySelectorAll("input, textarea, select, button")]
        .filter(e => e.offsetParent && !e.labels?.length && !e.ariaLabel
            && !e.getAttribute("aria-labelledby") && !e.title && !e.innerText.trim())
        .map(e => e.outerHTML)"""
    )

    assert unnamed == []


def test_an_upload_is_resized_and_attacked(opened: Page, tmp_path: Path) -> None:
    Image.linear_gradient("L").save(tmp_path / "mine.png")
    opened.get_by_label("an upload").check()
    with opened.expect_file_chooser() as chooser:
        opened.click("#upload")

    chooser.value.set_files(tmp_path / "mine.png")

    opened.get_by_text("mine.png, cropped to its centre, resized to 8 x 8, grey").wait_for()
    uploads = Path(os.environ["GRADIO_TEMP_DIR"])
    assert [path for path in uploads.rglob("*") if path.is_file()] == []  # it was read
    not_attacked(opened)  # what was seen is gone
    opened.click("#attack")
    opened.get_by_role("heading", name="Mine.png under").wait_for()
    said = opened.locator("#seen").inner_text() + opened.locator("#told").inner_text()
    assert "true class is not known" in said
    assert "right" not in said.replace("true class is not", "")
    assert "changed" in said


def test_an_upload_that_is_no_picture_is_refused(opened: Page, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    opened.get_by_label("an upload").check()
    with opened.expect_file_chooser() as chooser:
        opened.click("#upload")

    chooser.value.set_files(tmp_path / "bad.png")

    opened.get_by_role("alert").get_by_text("not a readable image").wait_for()


def test_a_mistake_is_told(opened: Page) -> None:
    opened.get_by_label("a test image").check()
    opened.get_by_label("Epsilon").fill("<b>eight</b>")

    opened.click("#attack")

    told = opened.locator("#told [role=alert]")
    told.wait_for()
    assert "epsilon must be a number such as 0.1 or 8/255" in told.inner_text()
    assert told.locator("b").count() == 0
    seen = "e => e.getBoundingClientRect().top >= 0 && e.getBoundingClientRect().top < innerHeight"
    opened.wait_for_function(seen, arg=told.element_handle())  # it is scrolled to


def test_a_phone_need_not_scroll_sideways_and_may_be_dark(
    browser: Browser, url: str, opened: Page
) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with opening(browser, url, viewport=PHONE, color_scheme="dark") as phone:
        chosen_number(phone, 12)
        attacked(phone)

        assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert phone.evaluate(ground) != opened.evaluate(ground)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_attack_stands_beside_the_image_and_answers_at_once_without_scrolling(
    browser: Browser, url: str, size: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(
        "scratchticket.page.service.try_each",
        lambda *words, **more: go.wait(60) and try_each(*words, **more),
    )
    with opening(browser, url, viewport=size) as page:
        chosen_number(page, 13)
        page.evaluate("scrollTo(0, 0)")
        image, button = (page.locator(one).bounding_box() for one in ("#preview img", "#attack"))
        assert image is not None
        assert button is not None
        assert image["x"] + image["width"] <= button["x"]  # beside it
        assert image["y"] < button["y"] + button["height"]
        assert button["y"] < image["y"] + image["height"]
        assert button["y"] + button["height"] < size["height"]
        page.click("#attack")
        told = page.locator("#told")
        page.locator("#attack").get_by_text("Attacking …").wait_for()  # none has begun
        go.set()
        told.get_by_text("After step 20").wait_for()
        box = told.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] < size["height"]
        assert page.evaluate("scrollY") == 0
        page.get_by_role("button", name="Attack", exact=True).wait_for()


@pytest.fixture(scope="module")
def packaged_url(packaged: TicketSet, looked_up: list[object]) -> Iterator[str]:
    with serving(packaged) as address:
        yield address


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_page_opens_on_its_point(
    browser: Browser, packaged_url: str, size: dict[str, int]
) -> None:
    with opening(browser, packaged_url, viewport=size) as page:
        page.get_by_text("are random and were never trained").wait_for()
        told = page.locator("#told")
        told.get_by_text("After step 20").wait_for()
        wrong, right = told.inner_text().split("right", 1)
        assert "the naturally trained network" in wrong
        assert "the ticket ticket" in right
        box = told.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < size["height"]
        page.locator(".st-network").nth(2).wait_for()
        cards = [card.bounding_box() for card in page.locator(".st-network").all()]
        assert len(cards) == 3
        if size is WIDE:
            assert len({round(card["y"]) for card in cards if card}) == 1  # side by side
            assert all(card and card["y"] + card["height"] < size["height"] for card in cards)
        assert page.get_by_label("ticket: keeps 10 %, robust 88.3 %").is_checked()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_grave(
    browser: Browser, packaged_url: str, size: dict[str, int], scheme: Any
) -> None:
    with opening(browser, packaged_url, viewport=size, color_scheme=scheme) as page:
        page.locator("#told").get_by_text("After step 20").wait_for()
        assert grave_findings(page) == []
        for label in page.locator("#tickets label").all():
            label.locator("input").check()
        page.get_by_label("Attack made on").click()
        page.get_by_role("option", name="the chosen tickets, all at once").click()
        page.click("#attack")
        page.get_by_text("The switch draws one of the tickets").wait_for()
        page.get_by_label("Attack made on").click()  # open
        page.get_by_role("option", name="each network itself").wait_for()
        assert grave_findings(page) == []
        page.keyboard.press("Escape")
        page.get_by_label("Epsilon").fill("eight")
        page.click("#attack")
        page.get_by_role("alert").wait_for()
        page.get_by_label("an upload").check()
        page.locator("#upload").wait_for()
        assert grave_findings(page) == []


def chosen_number(page: Page, number: int) -> None:
    """Choose a test image, and wait until it is seen."""
    page.get_by_label("a test image").check()
    page.locator("#number input[type=number]").fill(str(number))
    page.locator("#preview").get_by_text(f"test image {number} of digits").wait_for()


def attacked(page: Page, epsilon: str = "0.1") -> str:
    """Attack, and return what is said of it."""
    page.get_by_label("Epsilon").fill(epsilon)
    page.click("#attack")
    page.wait_for_selector("#title .st-where")
    return page.locator("#seen").inner_text()


def not_attacked(page: Page) -> None:
    page.locator("#told").get_by_text("This image has not been attacked yet.").wait_for()
    page.locator("#step").wait_for(state="hidden")


def test_no_result_stands_beside_another_image(opened: Page) -> None:
    chosen_number(opened, 3)
    attacked(opened)
    chosen_number(opened, 4)
    not_attacked(opened)
    chosen_number(opened, 3)
    opened.wait_for_selector("#title .st-where")  # it is still held
    opened.get_by_label("an upload").check()
    not_attacked(opened)


def test_no_result_of_an_image_comes_when_another_is_chosen(
    opened: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go, done = threading.Event(), threading.Event(), threading.Event()

    def slowly(*words: Any, **more: Any) -> Any:
        begun.set()
        go.wait(60)
        tried = try_each(*words, **more)
        done.set()
        return tried

    monkeypatch.setattr("scratchticket.page.service.try_each", slowly)
    chosen_number(opened, 5)
    opened.get_by_label("Epsilon").fill("0.1")
    opened.click("#attack")
    assert begun.wait(60)
    chosen_number(opened, 6)
    go.set()
    assert done.wait(60)
    opened.wait_for_timeout(1500)
    not_attacked(opened)
    chosen_number(opened, 5)
    opened.wait_for_selector("#title .st-where")  # of this one it was


@pytest.mark.parametrize("epsilon", ["1e-30", "1e-45", "1e-300", "1e-400", "0"])
def test_the_smallest_epsilon_is_seen(opened: Page, epsilon: str) -> None:
    chosen_number(opened, 7)

    said = attacked(opened, epsilon)

    assert f"linf, {epsilon}\n" in said.replace("1.00e", "1e")
    opened.reload()
    opened.wait_for_selector("#preview img")


def post(url: str, fn_index: int, data: list[object], session: str) -> int:
    """Ask as a browser does."""
    body = {"data": data, "fn_index": fn_index, "session_hash": session}
    return status(f"{url}gradio_api/run/predict", json.dumps(body).encode())


def listener_of(url: str, event: str, place: int = 0) -> int:
    """The number of what is called at an event."""
    with urllib.request.urlopen(f"{url}config", timeout=PATIENCE) as answer:
        config = json.loads(answer.read())
    called = [
        each["id"] for each in config["dependencies"] if event in [t[1] for t in each["targets"]]
    ]
    return int(called[place])


def test_visitors_who_come_later_change_nothing(opened: Page, url: str, chosen: TicketSet) -> None:
    chosen_number(opened, 8)
    attacked(opened)
    load = listener_of(url, "load")

    assert {post(url, load, [chosen.name], f"visitor-{n}") for n in range(40)} == {200}
    opened.wait_for_timeout(1000)

    opened.focus("#step input[type=range]")
    opened.keyboard.press("ArrowLeft")
    opened.get_by_text("Step 19 of 20").wait_for()
    chosen_number(opened, 9)
    not_attacked(opened)
    attacked(opened)
    assert opened.get_by_text("Error", exact=True).count() == 0


def test_attacks_that_wait_keep_no_control_from_working(
    opened: Page, url: str, chosen: TicketSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(
        "scratchticket.page.service.try_attack",
        lambda *words, **more: go.wait(60) and try_attack(*words, **more),
    )
    attack = listener_of(url, "click", 1)
    told = [chosen.name, SAMPLE, 1, "", False, UNKNOWN, list(chosen.tickets), SWITCH]
    told += ["fgsm", "0.1", "linf", 1]

    with ThreadPoolExecutor(WAITING + 2) as pool:
        visitors = [f"visitor-{n}" for n in range(WAITING + 2)]
        answers = [pool.submit(post, url, attack, told, visitor) for visitor in visitors]
        try:
            wait(answers, return_when=FIRST_COMPLETED)  # the one that found no room
            chosen_number(opened, 10)
            opened.click("#attack")
            opened.get_by_role("alert").get_by_text("attacks are queued already").wait_for()
            chosen_number(opened, 11)
            not_attacked(opened)
        finally:
            go.set()
        assert {answer.result() for answer in answers} == {200}
    assert opened.get_by_text("Error", exact=True).count() == 0


OTHER_SITE = """<!doctype html><title>other</title><p id="said"></p><iframe id="frame"></iframe>
<form id="form" method="post" enctype="multipart/form-data" target="frame">
<input name="files" value="x"></form>
<script>
const page = "PAGE", said = [];
const file = () => { const form = new FormData();
  form.append("files", new Blob(["x"]), "evil.png"); return form; };
const tried = async (name, path, how) => {
  try { const answer = await fetch(page + path, how); said.push(name + ":" + answer.type); }
  catch { said.push(name + ":refused"); }
};
(async () => {
  const post = (mode) => ({method: "POST", mode, body: file(), credentials: "include"});
  await tried("upload", "gradio_api/upload", post("no-cors"));
  await tried("upload-cors", "gradio_api/upload", post("cors"));
  await tried("config", "config", {mode: "cors"});
  await tried("call", "gradio_api/run/predict", {method: "POST", mode: "no-cors", body: "{}"});
  document.getElementById("said").textContent = said.join(" ");
})();
document.getElementById("frame").src = page;
</script>"""


@pytest.fixture
def other_site(url: str) -> Iterator[str]:
    """Another site on this machine, whose pages try what they can."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = OTHER_SITE.replace("PAGE", url).encode()
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_another_site_can_do_nothing(
    browser: Browser, other_site: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived: list[str] = []
    monkeypatch.setattr(
        "gradio.routes.upload_fn", lambda *words, **more: arrived.append("an upload")
    )
    page = browser.new_page()
    try:
        answers: dict[str, int] = {}
        page.on("response", lambda answer: answers.update({answer.url: answer.status}))
        page.goto(other_site.replace("127.0.0.1", name))
        said = page.locator("#said")
        said.get_by_text("call").wait_for(state="attached")

        words = said.inner_text().split()
        assert words == ["upload:refused", "upload-cors:refused", "config:refused", "call:refused"]
        page.wait_for_timeout(500)
        assert page.frame_locator("#frame").locator("#attack").count() == 0
        served = {path: code for path, code in answers.items() if not path.startswith(other_site)}
        assert set(served.values()) - {200} == {403}
        assert arrived == []
        page.evaluate("document.getElementById('form').action = page + 'gradio_api/upload'")
        page.evaluate("document.getElementById('form').submit()")
        page.wait_for_timeout(500)
        assert arrived == []
    finally:
        page.close()


def status(address: str, body: bytes | None = None) -> int:
    asked = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_no_file_is_served(url: str) -> None:
    secret = Path.cwd() / "pyproject.toml"
    assert secret.exists()
    for path in ("/etc/passwd", secret, secret.name, os.environ["GRADIO_TEMP_DIR"]):
        assert status(f"{url}gradio_api/file={path}") == 403
    assert status(f"{url}static/..%2f..%2f..%2f..%2fetc/passwd") in (403, 404)
    assert status(f"{url}assets/..%2f..%2froutes.py") in (403, 404)
    named = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    body = {"data": [named], "fn_index": 5, "session_hash": "x"}
    assert status(f"{url}gradio_api/run/predict", json.dumps(body).encode()) == 403


def test_the_page_says_nothing_to_others(url: str) -> None:
    with urllib.request.urlopen(f"{url}config", timeout=PATIENCE) as answer:
        config = json.loads(answer.read())

    assert config["analytics_enabled"] is False
    assert config["footer_links"] == []
    assert config["max_file_size"] == 5 * 2**20


@pytest.mark.usefixtures("nothing_shown")
def test_it_ends_with_ctrl_c_and_leaves_nothing(
    chosen: TicketSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from scratchticket.page.serve import serve

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, urls = dict(os.environ), list[str]()

    def ready(address: str, others: bool) -> None:
        assert not others
        assert len(list(tmp_path.rglob("*"))) > 1  # what gradio writes is in the page's folder
        assert status(address) == 200
        urls.append(address)
        raise KeyboardInterrupt

    serve([chosen], host="::1", port=0, ready=ready)

    assert list(tmp_path.iterdir()) == []
    assert dict(os.environ) == before
    with pytest.raises(urllib.error.URLError):
        status(urls[0])


def test_a_port_in_use_is_told(url: str, chosen: TicketSet) -> None:
    from scratchticket.page.serve import served

    taken = urlsplit(url).port
    with pytest.raises(InputError, match=f"port {taken}"), ExitStack() as stack:
        stack.enter_context(served([chosen], port=taken))
    with pytest.raises(InputError, match="cannot listen on"), ExitStack() as stack:
        stack.enter_context(served([chosen], host="203.0.113.1"))


@pytest.fixture
def nothing_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """No attacked image is looked for, which takes seconds with networks as weak as these."""
    monkeypatch.setattr("scratchticket.page.service.Page.opening", lambda *_: None)


@pytest.mark.usefixtures("nothing_shown")
@pytest.mark.parametrize("host", ["127.0.0.2", "LOCALHOST", "127.1", "[::1]"])
def test_any_name_of_this_machine_will_do(chosen: TicketSet, host: str) -> None:
    from scratchticket.page.serve import served

    with served([chosen], host=host, port=0) as address:
        assert status(address) == 200


@pytest.mark.usefixtures("nothing_shown")
def test_a_proxy_is_not_asked(chosen: TicketSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by what serves the page; this test's own requests are told to ask none."""
    nobody = "127.0.0.1:9"
    proxies = {"ALL_PROXY": f"socks5://{nobody}", "http_proxy": f"http://{nobody}"}
    for name, address in proxies.items():
        monkeypatch.setenv(name, address)
    with serving(chosen) as address, monkeypatch.context() as patch:
        patch.setenv("no_proxy", "*")
        assert status(address) == 200
    script = "from scratchticket.page.blocks import import_gradio; import_gradio()"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_what_the_verb_cannot_serve_is_a_line(files: list[Path]) -> None:
    done = CliRunner().invoke(app, ["app", str(files[0])])

    assert done.exit_code == 2
    assert done.stderr == ("error: there is no ticket among the files, only dense networks\n")


def test_the_verb_says_at_once_what_it_does(files: list[Path]) -> None:
    words = [sys.executable, "-m", "scratchticket", "app", *map(str, files), "--port", "99"]
    words += ["--host", "203.0.113.1"]

    done = subprocess.run(words, check=False, capture_output=True, text=True)

    said = done.stderr.splitlines()
    assert said[:2] == ["loading PyTorch and gradio ...", "reading 3 files ..."]
    assert said[-1].startswith("error: cannot listen on 203.0.113.1, port 99")
    assert done.returncode == 2


def test_the_gallery_is_served_if_no_ticket_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[TicketSet] = []
    monkeypatch.setattr("scratchticket.page.serve.serve", lambda sets, **where: served.extend(sets))
    some = gallery.names()[-2:]
    monkeypatch.setattr("scratchticket.gallery.names", lambda: some)

    done = CliRunner().invoke(app, ["app"])

    assert done.exit_code == 0, done.output
    assert sum(len(one.tickets) for one in served) == 2
    assert "no test images for" not in done.stderr
    monkeypatch.setattr("scratchticket.gallery.names", lambda: ["cifar10-seed0/ticket-0.05"])
    done = CliRunner().invoke(app, ["app"])
    assert "no test images for cifar10: resnet18, width 16, seed 0: give their data" in done.stderr
