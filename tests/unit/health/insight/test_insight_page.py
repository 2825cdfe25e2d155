"""The page of insight in a browser: others' text stays text, however hostile; figures, spans, copying."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cluster.insight.document import InsightDocument, make_document
from cluster.insight.findings import InsightFinding
from health.app import HealthService
from health.auth import USER, Authentication
from health.insight.insight_reports import InsightReports, ReportRequest
from health.server import BOUNDS, make_server
from tests.fix_browser import picture, quiet_page
from tests.fix_ports import free_ports
from tests.unit.cluster.insight.report_samples import HOSTILE, report, statement, work
from tests.unit.health.status_samples import polled
from tests.unit.serving import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SECRET = "correct horse"
_MARKUP = "<img src=x onerror=alert(1)><script>alert(1)</script>\"'</td>&amp;\x1b[31m\u202e"


def _hostile(request: ReportRequest) -> InsightDocument:
    sample = report()
    finding = InsightFinding(
        kind="unused_index", severity="bad", subject=_MARKUP, problem=f"{_MARKUP} twice", evidence=_MARKUP,
        database=_MARKUP, remedy=f'DROP INDEX "{_MARKUP}"', risk=_MARKUP, undo=_MARKUP, weight=1e12,
    )  # fmt: skip
    long = statement('SELECT "' + "x<b>" * 25_000 + '"', work(3, 2.0), None, 0.2, queryid=99)
    found = replace(
        sample,
        findings=(finding, *sample.findings),
        statements={**sample.statements, "time": (*sample.statements["time"], long)},
    )
    return make_document(found, [f"since {request.since} of {request.database}"])


@contextmanager
def _opened(browser: "Browser", width: int, path: str = "/insight", scheme: str = "light") -> Iterator["Page"]:
    (port,) = free_ports(1)
    service = HealthService(
        polled(), Authentication(SECRET.encode(), everywhere=False), reports=InsightReports(_hostile)
    )
    login = {"username": USER, "password": SECRET}
    with (
        serving(make_server(service, port=port), BOUNDS),
        quiet_page(
            browser, viewport={"width": width, "height": 900}, http_credentials=login, color_scheme=scheme
        ) as page,
    ):
        page.goto(f"http://127.0.0.1:{port}{path}")
        page.wait_for_selector(".statement")
        yield page


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (400, "dark")])
def test_hostile_text_is_text_and_fits(
    chromium: "Browser", width: int, scheme: str, request: pytest.FixtureRequest
) -> None:
    with _opened(chromium, width, scheme=scheme) as page:
        assert page.locator("main img, main script, main b >> text=x").count() == 0
        card = page.locator(".finding").first
        assert "<img src=x onerror=alert(1)>" in str(card.locator("h3").text_content())
        rows = page.locator("[data-measure=time] .statement")
        assert rows.count() == 3
        rows.nth(2).locator("summary").click()
        assert len(str(rows.nth(2).locator("pre").text_content())) > 100_000
        rows.nth(0).locator("summary").click()
        whole = str(rows.nth(0).locator("pre").text_content())
        assert "hunter2" not in whole
        assert whole.endswith(HOSTILE.splitlines()[-1])
        assert "\u202e" not in str(page.locator("main").text_content())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        picture(page, request.config.getoption("--screenshots"), f"insight-hostile-{width}-{scheme}")


def test_spans_databases_and_changes(chromium: "Browser") -> None:
    with _opened(chromium, 1400, "/insight?since=24h&database=shop") as page:
        assert page.locator("#notes li").first.text_content() == "since 24h of shop"
        assert page.locator("#spans [aria-pressed=true]").text_content() == "24 h"
        assert page.locator("#database").input_value() == "shop"
        page.locator("#spans button[value='7d']").click()
        page.wait_for_selector("#notes li:text-is('since 7d of shop')")
        assert "since=7d" in page.url
        row = page.locator("[data-measure=time] .statement").first
        figures = [str(text) for text in row.locator("summary > span").all_text_contents()[:5]]
        assert figures == ["90%", "50 s", "100", "500 ms", "×5.0 slower"]
        assert page.locator(".tree li").count() == 2
        assert page.locator(".tree li[data-depth='1']").count() == 1


def test_what_to_run_is_copied_as_it_is(chromium: "Browser") -> None:
    with _opened(chromium, 1400) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        remedy = page.locator(".finding", has_text="nobody uses the index")
        remedy.locator("button.copy").click()
        remedy.locator("button.copy:text-is('Copied')").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == "DROP INDEX CONCURRENTLY public.orders_old"
