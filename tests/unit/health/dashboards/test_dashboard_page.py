"""The page of the dashboards in a browser, served by the service itself; what Prometheus would know is made up."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from health.app import HealthService
from health.auth import USER, Authentication
from health.server import BOUNDS, make_server
from tests.fix_browser import quiet_page
from tests.fix_ports import free_ports
from tests.unit.config_samples import mounted
from tests.unit.health.status_samples import polled
from tests.unit.serving import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

SECRET = "correct horse"
_EMPTY = {"step": 10, "times": [0], "series": [], "note": ""}
_SESSIONS = 'section[aria-label="Sessions of {}"]'


@contextmanager
def _opened(browser: "Browser", directory: Path, nodes: list[str], query: str) -> Iterator["Page"]:
    """The overview, of a cluster that has ``nodes`` now, whatever these are when it is asked."""

    def answer(route: "Route") -> None:
        what = route.request.url.partition("/dashboards/pods-overview/")[2]
        chosen = {"cluster": ["shop"], "instance": nodes, "database": ["appdb"]}
        found = chosen if what.startswith("choices") else [] if what.startswith("marks") else _EMPTY
        route.fulfill(body=json.dumps(found), content_type="application/json")

    (port,) = free_ports(1)
    service = HealthService(polled(config=mounted(directory)), Authentication(SECRET.encode(), everywhere=False))
    login = {"username": USER, "password": SECRET}
    with serving(make_server(service, port=port), BOUNDS), quiet_page(browser, http_credentials=login) as page:
        for word in ("choices", "marks", "panels/"):
            page.route(f"**/dashboards/pods-overview/{word}**", answer)
        page.clock.install()
        page.goto(f"http://127.0.0.1:{port}/dashboards/pods-overview?{query}")
        yield page


def test_nodes_that_come_and_go_have_and_lose_their_panels_without_a_reload(
    chromium: "Browser", tmp_path: Path
) -> None:
    nodes = ["primary"]
    with _opened(chromium, tmp_path, nodes, "from=now-5m&to=now&refresh=10s") as page:
        page.wait_for_selector(_SESSIONS.format("primary"))
        nodes.append("replica1")
        page.clock.fast_forward(11_000)
        page.wait_for_selector(_SESSIONS.format("replica1"))
        nodes.remove("replica1")
        page.clock.fast_forward(11_000)
        page.wait_for_selector(_SESSIONS.format("replica1"), state="detached")
        assert page.locator(_SESSIONS.format("primary")).count() == 1


def test_another_time_has_the_nodes_of_that_time(chromium: "Browser", tmp_path: Path) -> None:
    nodes = ["primary"]
    with _opened(chromium, tmp_path, nodes, "from=now-5m&to=now&refresh=") as page:
        page.wait_for_selector(_SESSIONS.format("primary"))
        nodes.append("gone")
        page.locator("#times summary").click()
        page.get_by_label("last 12 hours").click()
        page.wait_for_selector(_SESSIONS.format("gone"))
