"""The report in a browser: it opens without complaint, and its filters filter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from test_report import KEPT, QUICK

from accessibility import grave_findings
from patience import PATIENCE
from scratchticket.paper import NAMES, paper_recipe
from scratchticket.paper.report import Records, found, page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

WIDE = {"width": 1300, "height": 900}
PHONE = {"width": 390, "height": 844}
SHEET = {"width": 703, "height": 1016}  # A4 within its margins
SHOWN = ("table1", "table4", "table5", "figure1", "figure3", "figure4", "figure7")


def written(path: Path, names: tuple[str, ...]) -> Path:
    """Write the report of some recipes, from the records that are kept of them at scale quick."""
    scale = replace(QUICK, seeds=KEPT.seeds())
    founds = [found(paper_recipe(name), scale, KEPT) for name in names]
    used = {job.id for one in founds for job in one.jobs()}
    known = Records({name: facts for name, facts in KEPT.by_id.items() if name in used})
    path.write_text(page(scale, founds, known))
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("report") / "report.html", SHOWN)


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Page]:
    """The report, just opened; whatever the browser complains about is an error at the end."""
    opened = browser.new_page(viewport=WIDE)  # type: ignore[arg-type]
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


def words(part: Locator, name: str) -> list[str]:
    return str(part.get_attribute(name)).split("|")


def test_networks_and_data_are_filtered(opened: Page) -> None:
    from playwright.sync_api import expect

    panels = opened.locator(".panel:visible")
    everything = panels.count()

    opened.select_option("[name=network]", "wideresnet32")
    opened.select_option("[name=data]", "cifar100")

    assert 0 < panels.count() < everything
    for panel in panels.all():
        assert "wideresnet32" in words(panel, "data-network")
        assert "cifar100" in words(panel, "data-data")
    assert opened.locator("#table1").is_hidden()  # ImageNet
    for line in opened.locator("[data-of=table1]").all():  # in the contents, among the claims
        assert line.is_hidden()
    assert opened.locator("nav [data-of=table5]").is_visible()
    jobs = opened.locator("[data-record]:visible")
    assert jobs.count() > 0
    assert all("wideresnet32" in job.inner_text() for job in jobs.all())
    assert f"{panels.count()} of {everything} panels" in opened.inner_text("#shown")
    opened.click("button[type=reset]")
    # The page filters after the event, not in it.
    expect(panels).to_have_count(everything, timeout=1000 * PATIENCE)


def test_filters_know_every_network_data_set_and_method(opened: Page) -> None:
    def values(name: str) -> set[str]:
        options = opened.locator(f"[name={name}] option").all()
        return {str(option.get_attribute("value")) for option in options} - {""}

    assert values("network") == {"resnet18", "resnet50", "resnet101", "wideresnet32"}
    assert values("data") == {"cifar10", "cifar100", "imagenet"}
    assert values("method") == {
        "ticket", "dense network", "random network", "natural RTT", "adversarial RTT", "R2S"
    }  # fmt: skip
    names = opened.locator("[name=network]").inner_text()
    assert "WideResNet-10-2 (wideresnet32)" in names


def test_one_method_hides_the_rows_and_columns_of_others(opened: Page) -> None:
    opened.select_option("[name=method]", "adversarial RTT")

    assert opened.locator("#figure1").is_hidden()
    heads = opened.locator("#figure3 .panel").first.locator("thead th:visible")
    assert [head.inner_text() for head in heads.all()] == ["adversarial RTT"]
    opened.select_option("[name=method]", "R2S")
    rows = opened.locator("#table5 .panel").first.locator("tbody th:visible")
    assert all(row.inner_text().startswith("R2S") for row in rows.all())
    assert rows.count() == 3


def test_one_ratio_hides_the_rows_of_others(opened: Page) -> None:
    opened.select_option("[name=ratio]", "5")

    assert opened.locator("[data-percent='5']:visible").count() > 0
    assert opened.locator("[data-percent]:not([data-percent='5']):visible").count() == 0
    rows = opened.locator("#figure1 .panel").first.locator("tbody th:visible")
    assert [row.inner_text() for row in rows.all()] == ["5 %", "any ratio"]


def test_filters_act_where_one_looks(opened: Page) -> None:
    def top(section: str) -> float:
        box = opened.locator(section).bounding_box()
        assert box is not None
        return float(box["y"])

    opened.evaluate("document.querySelector('#figure7').scrollIntoView()")
    opened.mouse.wheel(0, 150)
    opened.wait_for_function("document.querySelector('#figure7').getBoundingClientRect().top < 0")
    before = top("#figure7")

    opened.select_option("[name=data]", "cifar10")  # hides what is above

    assert opened.locator("#table1").is_hidden()
    assert abs(top("#figure7") - before) < 2
    opened.select_option("[name=data]", "cifar100")  # hides what is being read
    form = opened.locator("form").bounding_box()
    assert form is not None
    assert opened.locator("#figure7").is_hidden()
    assert abs(top("#records") - form["height"]) < 2  # the next that is shown


def test_attacks_are_found(opened: Page) -> None:
    rows, panels = opened.locator("[data-record]:visible"), opened.locator(".panel:visible")
    everything, parts = rows.count(), panels.count()

    opened.fill("[name=text]", "AutoAttack")

    assert panels.count() == 2
    assert opened.locator("#table4 .panel:visible").count() == 2
    assert 0 < rows.count() < everything
    assert all("autoattack" in row.inner_text().lower() for row in rows.all())
    counted = f"2 of {parts} panels, {rows.count()} of {everything} jobs"
    assert opened.inner_text("#shown") == counted
    opened.fill("[name=text]", "PGD-20")
    for section in ("table1", "figure1", "figure3", "figure7"):
        assert opened.locator(f"#{section}").is_visible()


def test_records_are_searched(opened: Page) -> None:
    opened.fill("[name=text]", "XAVIER")

    rows = opened.locator("[data-record]:visible")
    assert rows.count() > 0
    assert all("xavier" in row.inner_text() for row in rows.all())
    settings = rows.first.locator("[popover]")
    assert settings.is_hidden()
    rows.first.locator("button").press("Enter")
    assert '"init": "xavier' in settings.inner_text()
    opened.keyboard.press("Escape")
    assert settings.is_hidden()


def test_differences_and_intervals_are_shown_on_demand_by_keyboard(opened: Page) -> None:
    note = opened.locator("#figure1 .more").first
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
    opened.click("nav a[href='#table5']")

    form, heading = opened.locator("form").bounding_box(), opened.locator("#table5 h2")
    box = heading.bounding_box()
    assert form is not None and box is not None
    assert box["y"] >= form["y"] + form["height"]


CUT = """() => [...document.querySelectorAll("table, svg, .dot, pre, h3")]
    .filter((part) => part.checkVisibility() && (part.getBoundingClientRect().right > RIGHT
        || (part.scrollWidth > part.clientWidth + 1 && part.tagName === "TABLE")))
    .map((part) => part.closest("section").id + " " + part.tagName + ": " + part.textContent)"""


@pytest.mark.parametrize(
    ("size", "media"), [(WIDE, "screen"), (PHONE, "screen"), (SHEET, "print")], ids=str
)
def test_no_table_or_picture_is_cut_off(opened: Page, size: dict[str, int], media: str) -> None:
    opened.set_viewport_size(size)  # type: ignore[arg-type]
    opened.emulate_media(media=media)  # type: ignore[arg-type]
    opened.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")

    assert opened.evaluate(CUT.replace("RIGHT", str(size["width"]))) == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert opened.locator("#overview .dot").first.is_visible()


def test_the_answers_come_first(opened: Page) -> None:
    def top(part: str) -> float:
        box = opened.locator(part).first.bounding_box()
        assert box is not None
        return float(box["y"])

    for size in (WIDE, PHONE):
        opened.set_viewport_size(size)  # type: ignore[arg-type]
        order = ["#answers", "#overview", "#figure1", "#verdicts", "#table1", "#records"]
        assert sorted(order, key=top) == order
    opened.set_viewport_size(WIDE)  # type: ignore[arg-type]
    assert top("#answers dd >> nth=2") < WIDE["height"]  # all three without scrolling


@pytest.mark.parametrize("size", [WIDE, PHONE, SHEET], ids=str)
def test_all_lines_of_the_overview_have_one_scale(opened: Page, size: dict[str, int]) -> None:
    opened.set_viewport_size(size)  # type: ignore[arg-type]

    tracks = opened.locator("#overview .dot svg").all()
    boxes = [box for track in tracks if (box := track.bounding_box())]
    ends = opened.locator("#overview .axis .ends").bounding_box()
    assert len(boxes) == len(tracks) > 3 and ends is not None
    places = {(round(box["x"]), round(box["width"])) for box in (*boxes, ends)}
    assert len(places) == 1


def test_scale_cuts_cost_and_deviations_are_folded(opened: Page) -> None:
    folded = opened.locator("details:has-text('jobs at this scale'), details:has-text('width 16')")

    assert folded.count() > 1
    assert all(part.get_attribute("open") is None for part in folded.all())
    assert opened.locator("#figure1 dd:visible").count() == 0


def test_there_is_nothing_grave_for_assistive_technology(opened: Page) -> None:
    opened.evaluate(
        "document.querySelectorAll('section > details').forEach((part) => { part.open = true; })"
    )

    for size, scheme in ((WIDE, "light"), (WIDE, "dark"), (PHONE, "light")):
        opened.set_viewport_size(size)  # type: ignore[arg-type]
        opened.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert grave_findings(opened) == []


def test_it_is_printed_on_few_pages(browser: Browser, tmp_path: Path) -> None:
    whole = browser.new_page()
    whole.goto(written(tmp_path / "report.html", NAMES).as_uri())

    printed = whole.pdf(prefer_css_page_size=True)

    assert whole.locator("form").is_visible()
    whole.emulate_media(media="print")
    assert whole.locator("form").is_hidden()
    margins = re.search(r"@page \{ size: A4; margin: (\d+)mm (\d+)mm", whole.content())
    assert margins is not None
    assert all(int(margin) >= 10 for margin in margins.groups())
    assert 5 < len(re.findall(rb"/Type\s*/Page\b", printed)) <= 25
    whole.close()


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
