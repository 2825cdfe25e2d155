"""What fires, in a browser: commands are copied by keyboard, others' texts are text, a row that stays keeps focus."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from health.page import ASSETS, FOLDER, HEADERS, _render_error
from tests.fix_browser import quiet_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

SITE = "http://page.test/"
_SHOW = 'async (text) => (await import("/page/alerts.js")).showAlerts(text)'


@pytest.fixture(scope="module")
def page(chromium: "Browser") -> Iterator["Page"]:
    """The health page under its own policy, without a service behind it; not of this host, so without a clipboard."""

    def serve(route: "Route") -> None:
        name = route.request.url.removeprefix(SITE).removeprefix("page/")
        if name in ASSETS and name != "page.js":
            route.fulfill(body=(FOLDER / name).read_text(), content_type=ASSETS[name], headers=HEADERS)
        elif name:
            route.fulfill(body="", content_type="text/javascript")
        else:
            route.fulfill(body=_render_error("nothing yet"), content_type="text/html", headers=HEADERS)

    with quiet_page(chromium) as shown:
        shown.route("**/*", serve)
        shown.goto(SITE)
        yield shown


def _row(name: str, text: str = "it is bad", command: str = "inv status", **more: Any) -> dict[str, Any]:
    cells = [name, "critical", "2026-11-27 20:00:00 UTC", "replica1", text]
    return {"cells": cells, "command": command, "runbook": "", "mood": "bad", "quiet": False, **more}


def _show(page: "Page", *rows: dict[str, Any], note: str = "") -> None:
    page.evaluate(_SHOW, {"rows": list(rows), "note": note})


def test_a_command_is_copied_by_keyboard_where_the_browser_lends_no_clipboard(page: "Page") -> None:
    _show(page, _row("PodsNodeDown", command="inv logs --service replica1"))
    assert page.evaluate("navigator.clipboard === undefined")
    button = page.locator("button.copy")
    assert button.get_attribute("aria-label") == "Copy: inv logs --service replica1"
    page.evaluate('addEventListener("copy", () => { window.copied = String(getSelection()); })')
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function('document.querySelector("button.copy").textContent !== "copy"')
    assert page.evaluate("window.copied") == "inv logs --service replica1"


def test_a_row_that_stays_keeps_its_focus(page: "Page") -> None:
    """Once a second an event comes; somebody is about to press the button."""
    _show(page, _row("PodsNodeDown"), _row("PodsDiskLow"))
    page.locator("button.copy").nth(1).focus()
    kept = page.evaluate_handle("document.activeElement")
    _show(page, _row("PodsNodeDown"), _row("PodsDiskLow"))
    assert page.evaluate("(kept) => kept === document.activeElement", kept), "nothing changed: the same element"
    _show(page, _row("PodsNoPrimary"), _row("PodsDiskLow", text="it is worse"))
    assert page.evaluate('document.activeElement.closest("tr").cells[0].textContent') == "PodsDiskLow"


def test_texts_of_others_are_text_and_what_is_silenced_is_grey(page: "Page") -> None:
    evil = "<img src=x onerror=alert(1)>"
    _show(page, _row(evil, text=evil, command=evil, quiet=True, mood="well"), note="and 3 more")
    assert page.locator("#alerts img").count() == 0
    assert page.locator("#alert-rows tbody th").inner_text() == evil
    colours = "getComputedStyle(document.querySelector('#alert-rows .quiet td')).color"
    soft = "getComputedStyle(document.querySelector('#alerts-note')).color"
    assert page.evaluate(colours) == page.evaluate(soft)
    assert page.locator("#alerts-note").inner_text() == "and 3 more"


def test_without_monitoring_there_is_nothing_to_see(page: "Page") -> None:
    _show(page, _row("PodsNodeDown"))
    assert page.locator("#alerts").is_visible()
    page.evaluate(_SHOW, None)
    assert not page.locator("#alerts").is_visible()
