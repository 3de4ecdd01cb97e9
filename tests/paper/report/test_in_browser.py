"""The report in a browser: it opens without complaint, and its filters filter."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from test_report import QUICK, records

from patience import PATIENCE
from scratchticket.paper import NAMES, paper_recipe
from scratchticket.paper.report import found, page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
PHONE = {"width": 360, "height": 740}
SHEET = {"width": 718, "height": 1047}  # A4 with its margins


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("the report in a browser: apt install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of made-up records of all recipes."""
    known = records(*NAMES)
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(QUICK, [found(paper_recipe(name), QUICK, known) for name in NAMES], known))
    return path


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Page]:
    """The report, just opened; whatever the browser complains about is an error at the end."""
    opened = browser.new_page()
    opened.set_default_timeout(1000 * PATIENCE)
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(report.as_uri())
    yield opened
    opened.close()
    assert said == []
    assert asked == [report.as_uri()]


def test_networks_and_data_are_filtered(opened: Page) -> None:
    from playwright.sync_api import expect

    panels = opened.locator(".panel:visible")
    everything = panels.count()

    opened.select_option("[name=network]", "wideresnet32")
    opened.select_option("[name=data]", "cifar100")

    assert 0 < panels.count() < everything
    for panel in panels.all():
        assert "wideresnet32" in str(panel.get_attribute("data-network"))
        assert "cifar100" in str(panel.get_attribute("data-data"))
    assert opened.locator("#table1").is_hidden()  # ImageNet
    assert opened.locator("[data-of=table1]").is_hidden()  # in the overview
    assert opened.locator("[data-of=table3]").is_visible()
    opened.click("button[type=reset]")
    # The page filters after the event, not in it.
    expect(panels).to_have_count(everything, timeout=1000 * PATIENCE)


def test_one_ratio_hides_the_columns_of_others(opened: Page) -> None:
    opened.select_option("[name=ratio]", "5")

    assert opened.locator("[data-percent='5']:visible").count() > 0
    assert opened.locator("[data-percent]:not([data-percent='5']):visible").count() == 0
    dense = opened.locator("#figure1 tr", has_text="dense, robust").first
    assert dense.locator("td a:visible").count() == 1  # holds at any ratio


def test_records_are_searched(opened: Page) -> None:
    rows = opened.locator("[data-record]:visible")
    everything = rows.count()

    opened.fill("[name=text]", "XAVIER")

    assert 0 < rows.count() < everything
    assert opened.inner_text("#shown") == f"{rows.count()} of {everything} jobs"
    assert all("xavier" in row.inner_text() for row in rows.all())
    rows.first.locator("summary").click()
    assert '"network.init"' in rows.first.inner_text() or '"init"' in rows.first.inner_text()


def test_differences_and_intervals_are_shown_on_demand_by_keyboard(opened: Page) -> None:
    note = opened.locator(".more").first
    assert note.is_hidden()

    opened.focus("[name=more]")
    opened.keyboard.press("Space")

    assert note.is_visible()
    assert "n=1" in note.inner_text()


def test_light_and_dark(opened: Page) -> None:
    def ground() -> str:
        return str(opened.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = ground()
    opened.emulate_media(color_scheme="dark")
    dark = ground()
    assert dark != light
    opened.click("#theme")
    assert ground() == light
    opened.click("#theme")
    assert ground() == dark


def test_a_link_leads_to_a_heading_that_can_be_seen(opened: Page) -> None:
    opened.click("a[href='#table3']")

    form, heading = opened.locator("form").bounding_box(), opened.locator("#table3 h2")
    box = heading.bounding_box()
    assert form is not None and box is not None
    assert box["y"] >= form["y"] + form["height"]


def test_a_phone_need_not_scroll_sideways(opened: Page) -> None:
    opened.set_viewport_size(PHONE)

    wide = opened.evaluate("document.documentElement.scrollWidth")

    assert wide <= PHONE["width"]


def test_printed_there_is_no_form_and_nothing_is_cut_off(opened: Page) -> None:
    opened.set_viewport_size(SHEET)
    opened.emulate_media(media="print")

    assert opened.locator("form").is_hidden()
    assert opened.locator("#table3").is_visible()
    assert opened.evaluate("document.documentElement.scrollWidth") <= SHEET["width"]


def test_a_number_leads_to_its_record(opened: Page) -> None:
    number = opened.locator("#figure1 td a").first
    number.click()

    record = opened.locator(f"[id='{str(number.get_attribute('href'))[1:]}']")
    assert "ticket resnet18 1 %" in record.inner_text()
    box, form = record.bounding_box(), opened.locator("form").bounding_box()
    assert box is not None and form is not None
    assert box["y"] >= form["y"] + form["height"]


def test_every_picture_has_a_text(opened: Page) -> None:
    pictures = opened.locator("svg")

    assert pictures.count() > 10
    assert all(picture.get_attribute("aria-label") for picture in pictures.all())
