"""The page of a ticket in a browser: facts beside the pictures, nothing cut off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import scratchticket as st
from accessibility import grave_findings
from patience import PATIENCE
from scratchticket.pictures.mask_pictures import ticket_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDE, PHONE = {"width": 1300, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def address(ticket: st.Ticket, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("page") / "ticket.html"
    path.write_text(ticket_page({"one": ticket, "other": ticket}))
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_grave_and_nothing_is_cut_off(
    browser: Browser, address: str, size: dict[str, int], scheme: Any
) -> None:
    # axe-core is put into the page, whose own policy lets no script in
    page = browser.new_page(viewport=size, color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(address)
    picture, facts = (page.locator(one).first.bounding_box() for one in ("main img", "aside"))
    assert picture is not None
    assert facts is not None
    if size is WIDE:
        assert picture["x"] + picture["width"] <= facts["x"]
        assert facts["y"] <= picture["y"] < size["height"]
        over = "e => e.scrollWidth - e.parentElement.clientWidth"
        assert all(table.evaluate(over) <= 0 for table in page.locator("table").all())
    for more in page.locator("summary").all():
        more.click()

    assert grave_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.close()
