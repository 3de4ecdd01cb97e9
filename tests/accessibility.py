"""What axe-core, the rules that browsers' accessibility tools share, finds on an open page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

GRAVE = ("serious", "critical")
SETTLED = """() => document.getAnimations().every(a => a.playState !== 'running'
    || a.effect.getComputedTiming().endTime === Infinity)"""


def grave_findings(page: Page) -> list[str]:
    """Return the serious and critical findings, a line each: rule, what to do, where.

    What is hidden is not looked at: open menus and folded parts first. What moves or fades is
    waited for, but not what never ends.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.wait_for_function(SETTLED)
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {rule['help']}: {node['target']}: {node['failureSummary']}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]
